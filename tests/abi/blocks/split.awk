# SPDX-License-Identifier: MIT
# Splits the fenced blocks of a page into files: awk -v folder=FOLDER -f split.awk PAGE.md. All blocks of a language are one
# file, in order, but for text and json: these are FOLDER/LINE.text and so on. Of sh blocks each writes what it prints to
# FOLDER/LINE.out, and a text block right behind one is what it should print; FOLDER/prints lists both. FOLDER/counts has
# a line for each block: language, line. A page that ends inside a block fails.
BEGIN {
  file["c"] = "main.c"; file["cpp"] = "main.cpp"; file["python"] = "main.py"; file["rust"] = "main.rs"
  file["cmake"] = "CMakeLists.txt"; file["make"] = "Makefile"; file["sh"] = "main.sh"
}
!inside && /^ *```/ {
  language = $0
  sub(/^ *```/, "", language)
  inside = NR
  out = folder "/" (language in file ? file[language] : NR "." (language == "" ? "none" : language))
  print (language == "" ? "none" : language), NR > (folder "/counts")
  if (language == "sh") print "{" > out
  if (language == "text" && last != "") print last, NR ".text" > (folder "/prints")
  next
}
inside && /^ *```$/ {
  if (language == "sh") print "} >\"$blocks\"/" inside ".out 2>&1" > out
  last = language == "sh" ? inside ".out" : ""
  inside = 0
  next
}
inside && language == "sh" && excepted($0) { print $0 > (folder "/excepted"); print ":" > out; next }
inside { print > out }
!inside && !/^ *$/ { last = "" }
inside && language == "sh" { print > (folder "/commands") }
END { if (inside) { print FILENAME ": the block of line " inside " does not end"; exit 1 } }

# What no test runs: it installs packages, or takes minutes; test_code_blocks.sh looks at what it names.
function excepted(line) {
  return line ~ /^(sudo )?apt-get / || line ~ /^(sh|bash) [a-z.]+\// || line ~ /^git clone / ||
         line ~ /^bezdist (demo|study|bench)/ || line ~ /^(cmake|ctest) .*libbezdist\/build/ && line !~ /--install/
}
