# SPDX-License-Identifier: MIT
# Writes OUT, a C file with the digits' two files as byte arrays. cmake -DDATA=folder -DOUT=file.c -P embed.cmake
set(text "#include \"digits.h\"\n")
foreach(what images labels)
  file(GLOB file "${DATA}/digits8x8-${what}-*.gz")
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
  string(APPEND text "const unsigned char digits_${what}[] = {\n${bytes}};\nconst size_t digits_${what}_size = sizeof digits_${what};\n")
endforeach()
file(WRITE "${OUT}" "${text}")
