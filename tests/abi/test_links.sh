#!/bin/sh
# SPDX-License-Identifier: MIT
# Links between the pages, their anchors included, lead somewhere; every page of docs/ is reached from README.md; pages
# that sources name, and tests and names of the interface that pages name, are there; docs/ has what its readers were
# promised. Proves first that it can fail: test_links.sh ROOT
set -eu
top=$1

# PAGE LINE LINK of every relative link and picture outside code.
links() { # folder, page
  awk -v page="$2" '
    /^ *```/ { code = !code; next }
    code { next }
    {
      text = $0
      gsub(/`[^`]*`/, "", text)
      while (match(text, /\]\([^)]*\)|(src|href)="[^"]*"/)) {
        link = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        gsub(/^\]\(|\)$|^(src|href)="|"$/, "", link)
        sub(/ ".*/, "", link)
        if (link !~ /^[a-z]+:/) print page, NR, link
      }
    }' "$1/$2"
}

# The anchors of a page: its headings as links name them.
anchors() {
  awk '
    /^ *```/ { code = !code; next }
    !code && /^#+ / {
      sub(/^#+ +/, ""); sub(/ +$/, "")
      $0 = tolower($0)
      gsub(/\]\([^)]*\)/, "")
      gsub(/[^a-z0-9 _-]/, "")
      gsub(/ /, "-")
      print $0 (seen[$0]++ ? "-" seen[$0] - 1 : "")
    }' "$1"
}

pages() { (cd "$1" && find . -name '*.md' -not -path './build*' -not -path './.*/*' | sed 's,^\./,,' | sort); }

check() { # folder
  bad=0
  pages "$1" >pages.txt
  while read -r page; do links "$1" "$page"; done <pages.txt >links.txt
  : >reached.txt
  while read -r page number link; do
    path=${link%%#*}
    case $link in *#*) anchor=${link#*#} ;; *) anchor= ;; esac
    if [ -z "$path" ]; then file=$page; else file=$(dirname "$page")/$path; fi
    file=$(realpath -ms --relative-to="$1" "$1/$file")
    [ -e "$1/$file" ] || { echo "$page:$number: $link is not there"; bad=1; continue; }
    [ ! -d "$1/$file" ] || [ ! -f "$1/$file/README.md" ] || file=$file/README.md
    echo "$page $file" >>reached.txt
    [ -z "$anchor" ] || anchors "$1/$file" | grep -qxF -- "$anchor" || { echo "$page:$number: $link has no such heading"; bad=1; }
  done <links.txt
  awk 'FNR == NR { to[$1] = to[$1] " " $2; next }
    FNR == 1 { todo[n = 1] = "README.md"; seen["README.md"] = 1
      for (i = 1; i <= n; i++) { m = split(to[todo[i]], next_page, " "); for (j = 1; j <= m; j++) if (!seen[next_page[j]]++) todo[++n] = next_page[j] } }
    $1 ~ /^docs\// && !seen[$1] { print $1 ": no link leads here"; bad = 1 }
    END { exit bad }' reached.txt pages.txt || bad=1
  (cd "$1" && grep -rnoE 'docs/[a-z/0-9-]+\.md' include lib examples tests docs/reference --include='*.[ch]' --include='*.hpp' --include='*.sh' \
    --include='*.py' --include='*.rs' --include='*.awk' --include='main.md' --include='*.cmake' --include=CMakeLists.txt 2>/dev/null || true) |
    while IFS=: read -r file number page; do [ -f "$1/$page" ] || echo "$file:$number: $page is not there"; done >named.txt
  grep -v '^tests/abi/test_\(links\|code_blocks\)\.sh' named.txt && bad=1
  cat "$1"/include/bezdist/*.h* | grep -oE '(bzd|BZD)_[A-Za-z0-9_]+' | sort -u >declared.txt
  while read -r page; do
    grep -oE '(bzd|BZD)_[A-Za-z0-9_]+' "$1/$page" | sort -u | comm -23 - declared.txt | while read -r name; do
      case $name in *_) grep -q "^$name" declared.txt ;; *) false ;; esac || echo "$page: $name is no name of the interface"
    done
    grep -oE '(unit|api|abi|cli|faults|soak|install)/test_[a-z0-9_]+' "$1/$page" | sort -u | while read -r name; do
      [ -f "$1/tests/$name.c" ] || [ -f "$1/tests/$name.sh" ] || echo "$page: tests/$name is not there"
    done
  done <pages.txt >strange.txt
  cat strange.txt
  [ ! -s strange.txt ] || bad=1
  for page in concepts embedding abi errors memory threads checkpoint-format math results testing CHANGES tutorial decisions/README; do
    [ -f "$1/docs/$page.md" ] || { echo "docs/$page.md is not there"; bad=1; }
  done
  return $bad
}

# A small tree, whole, and then broken in each way.
tree() {
  rm -rf tree
  mkdir -p tree/docs/decisions tree/lib tree/include/bezdist tree/tests/api
  for page in concepts embedding abi errors memory threads checkpoint-format math results testing CHANGES tutorial decisions/README; do
    echo "[$page](docs/$page.md)"
    printf '# A page: `code` and more\n\n## Twice\n\n## Twice\n' >"tree/docs/$page.md"
  done >tree/README.md
  echo '/* docs/math.md */' >tree/lib/a.c
  echo 'int bzd_call(void);' >tree/include/bezdist/base.h
  echo >tree/tests/api/test_call.c
  echo '`bzd_call` and all of `bzd_` by api/test_call' >>tree/docs/testing.md
  echo '[a](#a-page-code-and-more) [b](errors.md#twice-1) [c](../README.md) <img src="math.md">' >>tree/docs/concepts.md
}
tree
check tree || { echo "a sound tree is refused"; exit 1; }
broken() { # file, line more
  tree
  echo "$2" >>"tree/$1"
  if check tree >broken.txt; then echo "the check misses $2 in $1"; exit 1; fi
}
broken docs/math.md '[x](nothing.md)'
broken docs/math.md '<img src="nothing.png">'
broken docs/math.md '[x](errors.md#nothing)'
broken docs/math.md '[x](#twice-2)'
broken docs/alone.md 'no link leads here'
broken docs/math.md '`bzd_cell`'
broken docs/math.md 'api/test_cell'
broken lib/a.c '/* docs/nothing.md */'
rm -rf tree
check "$top"
echo "$(wc -l <pages.txt) pages, $(wc -l <links.txt) links"
