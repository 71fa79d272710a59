#include <jni.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace {

std::string ToString(JNIEnv* env, jstring text) {
  std::string result(env->GetStringUTFLength(text), '\0');
  env->GetStringUTFRegion(text, 0, env->GetStringLength(text), result.data());
  return result;
}

}  // namespace

extern "C" JNIEXPORT jstring JNICALL
Java_io_asyncpal_tools_testing_Greeter_join(JNIEnv* env, jclass,
                                            jstring greeting, jstring name) {
  const std::string text =
      absl::StrCat(ToString(env, greeting), ", ", ToString(env, name), "!");
  return env->NewStringUTF(text.c_str());
}
