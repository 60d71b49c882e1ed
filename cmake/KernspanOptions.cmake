# Build-wide options and flags. Everything that is compiled gets the same warnings.
set(KERNSPAN_SANITIZE "" CACHE STRING "Comma-separated sanitizers, as for -fsanitize=")
option(KERNSPAN_FUZZ "Build the libFuzzer targets (needs clang)" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  # One cache for all build folders and checkouts: paths below the source folder do not count.
  set(KERNSPAN_CCACHE ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${KERNSPAN_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KERNSPAN_CCACHE})
endif()

add_library(kernspan_flags INTERFACE)
target_compile_options(kernspan_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Werror)
target_compile_definitions(kernspan_flags INTERFACE _GLIBCXX_ASSERTIONS
                           KERNSPAN_VERSION="${PROJECT_VERSION}")
target_include_directories(kernspan_flags INTERFACE ${CMAKE_SOURCE_DIR})

if(KERNSPAN_SANITIZE)
  add_compile_options(-fsanitize=${KERNSPAN_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KERNSPAN_SANITIZE})
endif()
if(KERNSPAN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
