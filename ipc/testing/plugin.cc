// A library that a test loads. Each of its targets is linked in its own way.

extern "C" {

int PluginFunction() { return 42; }
int plugin_variable = 42;

}  // extern "C"
