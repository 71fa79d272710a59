#include <jni.h>

#include <string>

#include "absl/strings/str_cat.h"

extern "C" JNIEXPORT jstring JNICALL
Java_io_asyncpal_tools_testing_Greeter_greet(JNIEnv* env, jclass,
                                             jstring name) {
  const char* text = env->GetStringUTFChars(name, nullptr);
  if (text == nullptr) return nullptr;
  const std::string greeting = absl::StrCat("Hello, ", text, "!");
  env->ReleaseStringUTFChars(name, text);
  return env->NewStringUTF(greeting.c_str());
}
