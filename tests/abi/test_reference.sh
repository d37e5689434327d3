#!/bin/sh
# SPDX-License-Identifier: MIT
# The API reference builds without a warning and holds, with a text, every function, type, field and constant of the
# headers; a name that nothing declares is found, and so is a comment that is missing: test_reference.sh ROOT
set -eu
top=$1
command -v doxygen >/dev/null || { echo "doxygen is missing"; exit 77; }
rm -rf sound broken
sh "$top/docs/reference/make.sh" "$PWD/sound" GENERATE_XML=YES XML_PROGRAMLISTING=NO

# What the headers declare, read without Doxygen: HEADER KIND NAME, fields as STRUCT.FIELD.
for header in "$top"/include/bezdist/*.h; do
  "${CC:-cc}" -fpreprocessed -dD -E -P "$header" 2>/dev/null | awk -v header="$(basename "$header" .h)" '
    /^#define (BZD_API|BEZDIST_)/ { next }
    /^#define / { print header, "constant", $2; next }
    /^#/ { next }
    /^typedef struct [a-z0-9_]+ *{/ { struct = $3; print header, "struct", struct; next }
    struct != "" && /^}/ { struct = ""; next }
    struct != "" { text = text $0; if (/;/) { field(text); text = "" } next }
    { text = text " " $0; if (/;/) { declared(text); text = "" } }
    function field(text) {
      sub(/(\[[^]]*\])? *;.*/, "", text); sub(/.*[ *]/, "", text)
      print header, "field", struct "." text
    }
    function declared(text) {
      if (text ~ /BZD_API/) { match(text, /bzd_[a-z0-9_]+\(/); print header, "function", substr(text, RSTART, RLENGTH - 1) }
      else if (text ~ /\(\*/) { match(text, /\(\*bzd_[a-z0-9_]+\)/); print header, "typedef", substr(text, RSTART + 2, RLENGTH - 3) }
      else if (text ~ /typedef/) { sub(/ *;.*/, "", text); sub(/.* /, "", text); print header, "typedef", text }
    }'
done | sort -u >declared.txt
for least in 'function 100' 'struct 25' 'field 200' 'constant 80' 'typedef 15'; do
  count=$(grep -c " ${least% *} " declared.txt)
  [ "$count" -ge "${least#* }" ] || { echo "only $count of kind ${least% *} read from the headers"; exit 1; }
done

# What the reference holds with a text, in the same form.
documented() { # folder
  for header in "$top"/include/bezdist/*.h; do
    header=$(basename "$header" .h)
    [ -s "$1/html/${header}_8h.html" ] || { echo "no page for $header.h" >&2; exit 1; }
    page "$1/xml/${header}_8h.xml" "$header" ''
    grep -o '<innerclass [^>]*>[a-z0-9_]*' "$1/xml/${header}_8h.xml" | sed 's/.*>//' | while read -r name; do
      file=$(grep -l "<compoundname>$name</compoundname>" "$1"/xml/struct*.xml)
      page "$file" "$header" "$name"
    done
  done | sort -u
}
page() { # file, header, struct
  awk -v header="$2" -v struct="$3" '
    /<memberdef / { kind = $0; sub(/.*kind="/, "", kind); sub(/".*/, "", kind); inside = 1; text = ""; name = "" }
    inside && /<name>/ { name = $0; gsub(/.*<name>|<\/name>.*/, "", name) }
    /<(brief|detailed)description>/ { reading = 1 }
    reading { line = $0; gsub(/<[^>]*>/, "", line); text = text line }
    /<\/(brief|detailed)description>/ { reading = 0 }
    /<\/memberdef>/ { inside = 0; if (text ~ /[A-Za-z0-9]/) tell(kind, name); text = "" }
    END { if (struct != "" && text ~ /[A-Za-z0-9]/) print header, "struct", struct }
    function tell(kind, name) {
      if (kind == "variable") print header, "field", struct "." name
      else if (kind == "define") print header, "constant", name
      else print header, kind, name
    }' "$1"
}
documented sound >documented.txt
diff declared.txt documented.txt
grep -v ' field ' declared.txt | while read -r header kind name; do # and the page for people shows it
  grep -q ">$name" "sound/html/${header}_8h.html" || { echo "$header.h's page lacks the $kind $name"; exit 1; }
done

# It can fail: without the comment of a function, of a field, of a constant; with a name that is none.
mkdir broken
cp -r "$top/include" "$top/docs" broken
breaks() { # file, sed command
  cp "$top/include/bezdist/$1" broken/include/bezdist/
  sed -i "$2" "broken/include/bezdist/$1"
  ! cmp -s "$top/include/bezdist/$1" "broken/include/bezdist/$1" || { echo "nothing to break in $1 by $2"; exit 1; }
  if (cd broken && sh docs/reference/make.sh out GENERATE_XML=YES XML_PROGRAMLISTING=NO) >broken.log 2>&1 &&
    documented broken/out >broken.txt && diff declared.txt broken.txt >/dev/null; then
    echo "missed in $1: $2"
    exit 1
  fi
  cp "$top/include/bezdist/$1" broken/include/bezdist/
}
breaks flow.h '/^\/\* Moves n rows from t0 to t1/,/\*\/$/d'
breaks trainer.h 's,^\(  double beta1;\) .*,\1,'
breaks base.h 's|^\(#define BZD_E_MEMORY (-20)\).*|\1|'
breaks path.h 's|as bzd_path_evaluate|as bzd_path_evaluates|'
rm -rf sound broken
