// SubmitTask and max_workers become submitTask and maxWorkers.

%define OPEN(name...)
%rename("%(lowercamelcase)s") asyncpal::facade::name;
%enddef

// kTaskFailed stays as it is: an int constant that a switch can have.
%define OPEN_ENUM_ITEMS()
%rename("%s", %$isenumitem) "";
%enddef
%include <enumtypeunsafe.swg>
%javaconst(1);
