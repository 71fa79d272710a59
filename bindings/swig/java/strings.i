// std::string is UTF-8 and becomes String; asyncpal::facade::Bytes becomes
// byte[]. Both cross the border as byte[]: JNI's own strings are in a modified
// UTF-8, which text from elsewhere may not be.

%define BYTE_ARRAY_TYPEMAPS(type, java_descriptor)
%naturalvar type;
%typemap(jni) type, const type& "jbyteArray"
%typemap(jtype) type, const type& "byte[]"
%typemap(in) type {
  if ($input == nullptr) {
    asyncpal::swig::ThrowNullPointer(jenv, "$1_name");
    return $null;
  }
  $1 = asyncpal::swig::FromByteArray(jenv, $input);
}
%typemap(in) const type& (std::string temp) {
  if ($input == nullptr) {
    asyncpal::swig::ThrowNullPointer(jenv, "$1_name");
    return $null;
  }
  temp = asyncpal::swig::FromByteArray(jenv, $input);
  $1 = &temp;
}
%typemap(out) type { $result = asyncpal::swig::ToByteArray(jenv, $1); }
%typemap(out) const type& { $result = asyncpal::swig::ToByteArray(jenv, *$1); }
%typemap(directorin, descriptor=java_descriptor, noblock=1) const type& {
  $input = asyncpal::swig::ToHostByteArray(jenv, swigjobj, $1);
  Swig::LocalRefGuard $1_guard(jenv, $input);
}
// For what a method of the host's returns. The native frame below may never
// return, so its reference has to go at once.
%typemap(directorin, descriptor=java_descriptor) type {
  $input = asyncpal::swig::ToHostByteArray(jenv, swigjobj, $1);
}
%typemap(directorout) type {
  if ($input != nullptr) {
    $result = asyncpal::swig::FromByteArray(jenv, $input);
    jenv->DeleteLocalRef($input);
  }
}
%enddef

BYTE_ARRAY_TYPEMAPS(std::string, "Ljava/lang/String;")
%typemap(jstype) std::string, const std::string& "String"
%typemap(javain) std::string, const std::string&
    "$javainput.getBytes(java.nio.charset.StandardCharsets.UTF_8)"
%typemap(javaout) std::string, const std::string& {
    return new String($jnicall, java.nio.charset.StandardCharsets.UTF_8);
  }
%typemap(javadirectorin) std::string, const std::string&
    "new String($jniinput, java.nio.charset.StandardCharsets.UTF_8)"
%typemap(javadirectorout) std::string
    "$javacall.getBytes(java.nio.charset.StandardCharsets.UTF_8)"

BYTE_ARRAY_TYPEMAPS(asyncpal::facade::Bytes, "[B")
%typemap(jstype) asyncpal::facade::Bytes, const asyncpal::facade::Bytes&
    "byte[]"
%typemap(javain) asyncpal::facade::Bytes, const asyncpal::facade::Bytes&
    "$javainput"
%typemap(javaout) asyncpal::facade::Bytes, const asyncpal::facade::Bytes& {
    return $jnicall;
  }
%typemap(javadirectorin) asyncpal::facade::Bytes,
                         const asyncpal::facade::Bytes& "$jniinput"
%typemap(javadirectorout) asyncpal::facade::Bytes "$javacall"
