#ifndef ASYNCPAL_BINDINGS_SWIG_JAVA_JNI_SUPPORT_H_
#define ASYNCPAL_BINDINGS_SWIG_JAVA_JNI_SUPPORT_H_

#include <jni.h>

#include <exception>
#include <string>

// What the typemaps of this folder need of JNI. A function that fails leaves a
// Java exception pending, and its caller returns to Java.

namespace asyncpal::swig {

// `array` is not null.
std::string FromByteArray(JNIEnv* env, jbyteArray array);

// Null: it failed.
jbyteArray ToByteArray(JNIEnv* env, const std::string& bytes);

// The same for an argument of a method of `host`, a local reference. Throws
// SerializationError if the JVM has no memory for it, and gives `host` up: the
// method is not called then.
jbyteArray ToHostByteArray(JNIEnv* env, jobject host, const std::string& bytes);

// A NullPointerException that names the argument.
void ThrowNullPointer(JNIEnv* env, const char* argument);

// `error`, as a generated Failure.
void ThrowFailure(JNIEnv* env, const std::exception_ptr& error);

}  // namespace asyncpal::swig

#endif  // ASYNCPAL_BINDINGS_SWIG_JAVA_JNI_SUPPORT_H_
