# kernspan_bpf_object(NAME SOURCE file.bpf.c): compiles BPF C to an object, makes its libbpf skeleton, and defines
# the INTERFACE library kernspan_bpf_<NAME> with it: #include "<NAME>.skel.h", struct <NAME>_bpf.
find_program(KERNSPAN_BPF_CLANG NAMES clang-19 REQUIRED)
find_program(KERNSPAN_BPF_STRIP NAMES llvm-strip-19 REQUIRED)
find_program(KERNSPAN_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf>=1.4)

set(KERNSPAN_BPF_ARCHITECTURE ${CMAKE_SYSTEM_PROCESSOR})
set(KERNSPAN_BPF_TARGET_ARCH_x86_64 x86)
if(NOT DEFINED KERNSPAN_BPF_TARGET_ARCH_${KERNSPAN_BPF_ARCHITECTURE})
  message(FATAL_ERROR "vmlinux/ has no types for ${KERNSPAN_BPF_ARCHITECTURE}")
endif()

function(kernspan_bpf_object name)
  cmake_parse_arguments(ARG "" "SOURCE" "" ${ARGN})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton_dir ${CMAKE_CURRENT_BINARY_DIR}/skeleton)
  set(skeleton ${skeleton_dir}/${name}.skel.h)
  file(MAKE_DIRECTORY ${skeleton_dir})
  add_custom_command(
    OUTPUT ${object}
    COMMAND
      ${KERNSPAN_BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wshadow -Werror
      # Programs need not use all their arguments, and the helpers' header declares no structs.
      -Wno-unused-parameter -Wno-missing-declarations
      -D__TARGET_ARCH_${KERNSPAN_BPF_TARGET_ARCH_${KERNSPAN_BPF_ARCHITECTURE}}
      -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/vmlinux/${KERNSPAN_BPF_ARCHITECTURE}
      -MD -MF ${object}.d -MT ${object}
      -c ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SOURCE} -o ${object}
    COMMAND ${KERNSPAN_BPF_STRIP} -g ${object}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SOURCE}
    DEPFILE ${object}.d
    COMMENT "BPF object ${name}"
    VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND sh -c "\"$1\" gen skeleton \"$2\" name \"$3\" > \"$4\"" -- ${KERNSPAN_BPFTOOL} ${object}
            ${name}_bpf ${skeleton}
    DEPENDS ${object}
    COMMENT "BPF skeleton ${name}"
    VERBATIM)
  add_custom_target(kernspan_bpf_${name}_skeleton DEPENDS ${skeleton})
  add_library(kernspan_bpf_${name} INTERFACE)
  add_dependencies(kernspan_bpf_${name} kernspan_bpf_${name}_skeleton)
  target_include_directories(kernspan_bpf_${name} SYSTEM INTERFACE ${skeleton_dir})
  target_link_libraries(kernspan_bpf_${name} INTERFACE PkgConfig::LIBBPF)
endfunction()
