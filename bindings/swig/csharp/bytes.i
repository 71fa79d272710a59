// std::string is UTF-8 and becomes string; asyncpal::facade::Bytes becomes
// byte[]. Both cross the border as a block of memory that has its length, since
// both may hold zeros. Whoever gets a block frees it.

%define BLOCK_TYPEMAPS(type)
%naturalvar type;
%typemap(ctype) type, const type& "void *"
%typemap(imtype) type, const type& "global::System.IntPtr"
%typemap(in) type { $1 = asyncpal::swig::TakeBlock($input); }
%typemap(in) const type& (std::string temp) {
  temp = asyncpal::swig::TakeBlock($input);
  $1 = &temp;
}
%typemap(out) type { $result = asyncpal::swig::ToBlock($1); }
%typemap(out) const type& { $result = asyncpal::swig::ToBlock(*$1); }
%enddef

BLOCK_TYPEMAPS(std::string)
%typemap(cstype) std::string, const std::string& "string"
%typemap(csin) std::string, const std::string& "Block.Of($csinput)"
%typemap(csout, excode=SWIGEXCODE) std::string, const std::string& {
    global::System.IntPtr block = $imcall;$excode
    return Block.TakeString(block);
  }
%typemap(csvarin, excode=SWIGEXCODE2) std::string, const std::string& %{
    set {
      $imcall;$excode
    } %}
%typemap(csvarout, excode=SWIGEXCODE2) std::string, const std::string& %{
    get {
      global::System.IntPtr block = $imcall;$excode
      return Block.TakeString(block);
    } %}

BLOCK_TYPEMAPS(asyncpal::facade::Bytes)
%typemap(cstype) asyncpal::facade::Bytes, const asyncpal::facade::Bytes&
    "byte[]"
%typemap(csin) asyncpal::facade::Bytes, const asyncpal::facade::Bytes&
    "Block.Of($csinput)"
%typemap(csout, excode=SWIGEXCODE) asyncpal::facade::Bytes,
                                   const asyncpal::facade::Bytes& {
    global::System.IntPtr block = $imcall;$excode
    return Block.TakeBytes(block);
  }
%typemap(csvarout, excode=SWIGEXCODE2) asyncpal::facade::Bytes,
                                       const asyncpal::facade::Bytes& %{
    get {
      global::System.IntPtr block = $imcall;$excode
      return Block.TakeBytes(block);
    } %}
