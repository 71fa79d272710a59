#include "asyncpal/bindings/swig/java/jni_support.h"

#include <unistd.h>

#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/future/error.h"

namespace asyncpal::swig {
namespace {

constexpr char kFailureClass[] = "io/asyncpal/internal/swig/Failure";

void Throw(JNIEnv* env, const char* class_name, const char* message) {
  const jclass type = env->FindClass(class_name);
  if (type == nullptr) return;  // the reason is pending
  env->ThrowNew(type, message);
  env->DeleteLocalRef(type);
}

}  // namespace

std::string FromByteArray(JNIEnv* env, jbyteArray array) {
  const jsize size = env->GetArrayLength(array);
  std::string bytes(static_cast<size_t>(size), '\0');
  env->GetByteArrayRegion(array, 0, size,
                          reinterpret_cast<jbyte*>(bytes.data()));
  return bytes;
}

jbyteArray ToByteArray(JNIEnv* env, const std::string& bytes) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<jsize>::max())) {
    Throw(env, "java/lang/OutOfMemoryError",
          "the bytes are more than an array can hold");
    return nullptr;
  }
  const auto size = static_cast<jsize>(bytes.size());
  const jbyteArray array = env->NewByteArray(size);
  if (array == nullptr) return nullptr;
  env->SetByteArrayRegion(array, 0, size,
                          reinterpret_cast<const jbyte*>(bytes.data()));
  return array;
}

jbyteArray ToHostByteArray(JNIEnv* env, jobject host,
                           const std::string& bytes) {
  const jbyteArray array = ToByteArray(env, bytes);
  if (array == nullptr) {
    env->ExceptionClear();
    env->DeleteLocalRef(host);
    throw SerializationError(absl::StrCat(
        "what came from another process, ", bytes.size(),
        " bytes, doesn't fit into the memory of the JVM in process ", getpid(),
        "; -Xmx gives it more"));
  }
  return array;
}

void ThrowNullPointer(JNIEnv* env, const char* argument) {
  Throw(env, "java/lang/NullPointerException", argument);
}

void ThrowFailure(JNIEnv* env, const std::exception_ptr& error) {
  // Java called back, and what that threw is still on its way.
  if (env->ExceptionCheck()) return;
  const jclass type = env->FindClass(kFailureClass);
  if (type == nullptr) return;
  const jmethodID constructor = env->GetMethodID(type, "<init>", "(JZ)V");
  if (constructor != nullptr) {
    auto failure =
        std::make_unique<facade::Failure>(facade::DescribeFailure(error));
    const jobject thrown = env->NewObject(
        type, constructor, reinterpret_cast<jlong>(failure.get()), JNI_TRUE);
    if (thrown != nullptr) {
      failure.release();
      env->Throw(static_cast<jthrowable>(thrown));
      env->DeleteLocalRef(thrown);
    }
  }
  env->DeleteLocalRef(type);
}

}  // namespace asyncpal::swig
