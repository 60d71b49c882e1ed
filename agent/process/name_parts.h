// A service's name out of a path or a module name: what of it says something.
#pragma once

#include <string>
#include <string_view>

namespace kernspan::process {

// The last directory of the path that is not generic (src, bin, app, dist, a version, ...) nor a
// user's home; empty if all are.
std::string name_from_directory(std::string_view path);

// The script's name without its extension, or its directory's where the script's is generic.
// A relative path is taken from `cwd`.
std::string name_from_script(std::string_view path, std::string_view cwd);

// "shop.wsgi:application" -> "shop"; "pkg.module:create_app()" -> "pkg.module"; where all parts are
// generic ("app:app") the name of `directory`, and if that is generic too, the module's last part.
std::string name_from_module(std::string_view module, std::string_view directory);

// `path` made absolute by `cwd` if it is relative and cwd is known; without "." and "..".
std::string absolute_path(std::string_view path, std::string_view cwd);

// Whether a script or module of that name (no extension) could belong to any program.
bool is_generic_stem(std::string_view stem);

}  // namespace kernspan::process
