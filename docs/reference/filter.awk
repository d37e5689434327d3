# SPDX-License-Identifier: MIT
# INPUT_FILTER of Doxygen: the plain comments of include/bezdist as documentation, each line where it was.
#
# - A comment above a declaration is that of it and of those that follow without a blank line; one behind a field, a
#   constant or a type is that of this one; one behind the brace of a struct is that of the struct.
# - Constants that follow each other are a group, named by their prefix; a comment above two or more heads the group.
#   `/* ---- X ---- */` begins the group X.
# - A comment above a blank line is its group's, or else the file's; the first one is the file's.
#
# \group, \ofthefile, \status, \threads and \both are aliases of the Doxyfile: each comment becomes one line.

{ line[NR] = $0 }

END {
  read_items()
  for (k = 1; k <= items; k++) write_item()
  for (i = 1; i <= NR; i++) print out[i]
}

# ---- The file as items: what[k], its comment says[k], on lines from[k]..to[k], the comment in line at[k] behind code[k].

function read_items(    i) {
  for (i = 1; i <= NR; i = to[items] + 1) {
    from[++items] = to[items] = i
    says[items] = code[items] = ""
    if (line[i] ~ /^ *$/) what[items] = "blank"
    else if (line[i] ~ /^\/\* SPDX/) what[items] = "licence"
    else if (line[i] ~ /^\/\* ---- /) what[items] = "section"
    else if (line[i] ~ /^ *\/\*/) what[items] = "comment"
    else if (line[i] ~ /^#define (BZD_API|BEZDIST_)/) what[items] = "hidden"
    else if (line[i] ~ /^#define /) what[items] = "constant"
    else if (line[i] ~ /^(#|extern|}$)/) what[items] = "other"
    else if (line[i] ~ /^} /) what[items] = "close"
    else if (line[i] ~ /{/) what[items] = "open"
    else what[items] = "declaration"
    if (what[items] == "declaration")
      while (line[to[items]] !~ /;/) to[items]++
    at[items] = to[items]
    if (what[items] != "section" && index(line[to[items]], "/*")) read_comment()
  }
}

function read_comment(    i, text, part) {
  i = to[items]
  code[items] = substr(line[i], 1, index(line[i], "/*") - 1)
  part = substr(line[i], length(code[items]) + 3)
  while (part !~ /\*\/ *$/) {
    text = text " " part
    part = line[++i]
    sub(/^ *(\* )?/, "", part)
  }
  text = text " " part
  sub(/ *\*\/ *$/, "", text)
  gsub(/  +/, " ", text)
  sub(/^ /, "", text)
  says[items] = text
  to[items] = i
}

# ---- The items as Doxygen reads them.

function write_item(    i, text) {
  if (what[k] == "blank" || what[k] == "close") above = ""
  if (what[k] == "section") write_section()
  else if (what[k] == "comment" && k <= 2) write_head()
  else if (what[k] == "comment") write_comment()
  else if (what[k] == "constant") write_constant()
  else if (what[k] == "declaration" || what[k] == "open") {
    for (i = from[k]; i <= to[k]; i++) out[i] = line[i]
    text = above
    if (says[k] != "") {
      text = parts(says[k]) (above == "" ? "" : " \\details " above)
      out[at[k]] = code[k]
      for (i = at[k] + 1; i <= to[k]; i++) out[i] = ""
    }
    if (text != "") out[from[k]] = "/** " brief(text) " */ " out[from[k]]
    if (what[k] == "open") above = ""
  } else if (what[k] == "blank" && group != "" && line[to[k] + 1] == "#ifdef __cplusplus") {
    out[from[k]] = close_group()
    group = ""
  } else if (what[k] == "other" || what[k] == "close") out[from[k]] = line[from[k]]
}

# The file's comment, which may be a list, so its lines stay.
function write_head(    i, text) {
  out[1] = "/** \\file"
  for (i = from[k]; i <= to[k]; i++) {
    text = line[i]
    sub(/^(\/\*| \*)/, "  ", text)
    sub(/ *\*\/$/, "", text)
    out[i] = (i == from[k] ? "\\brief " : "") safe(text) (i == to[k] ? " */" : "")
  }
}

function write_section(    title) {
  title = line[from[k]]
  gsub(/^\/\* -+ | -+ \*\/$/, "", title)
  if (what[k + 1] == "blank" && what[k + 2] == "comment" && what[k + 3] == "blank") {
    what[k + 2] = "used"
    above = parts(says[k + 2])
  }
  out[from[k]] = close_group() open_group(title, above)
  group = title
  above = ""
}

function write_comment() {
  above = parts(says[k])
  if (what[k + 1] == "blank" || what[k + 1] == "other") out[from[k]] = out[from[k]] "/** \\ofthefile " above " */"
}

function write_constant(    i, n, prefix, text) {
  if (k > run) { # the first of a run
    for (i = k; what[i] == "constant" || (what[i] == "comment" && what[i + 1] == "constant"); i++) n += what[i] == "constant"
    run = i - 1
    grouped = n > 1
    if (grouped) {
      prefix = substr(line[from[run]], 9)
      match(prefix, /^BZD_[A-Z0-9]+_/)
      heads = above != "" && what[k + 1] == "constant"
      out[from[k] - 1] = out[from[k] - 1] close_group() open_group(substr(prefix, 1, RLENGTH), "\\anchor " substr(prefix, 1, RLENGTH) " " (heads ? above : ""))
    }
  }
  text = says[k] == "" ? above : parts(says[k])
  out[from[k]] = (says[k] == "" ? line[from[k]] : code[k]) (text == "" ? "" : " /**< " brief(text) " */")
  if (what[k + 1] != "constant") above = ""
  if (k == run && grouped) out[to[k] + 1] = "/**@}*/" (group == "" ? "" : " " open_group(group, ""))
}

function open_group(title, text) {
  gsub(/,/, "\\,", title)
  return "/** \\group{" title "} " text " */ /**@{*/"
}
function close_group() { return group == "" ? "" : "/**@}*/ " }

# ---- Text

# Characters that Doxygen would take for commands, and a link for each name.
function safe(text,    done, word) {
  gsub(/\\/, "\\\\", text)
  gsub(/&/, "\\&amp;", text)
  gsub(/</, "\\&lt;", text)
  gsub(/>/, "\\&gt;", text)
  gsub(/@/, "\\@", text)
  gsub(/%/, "\\%", text)
  gsub(/`/, "", text)
  while (match(text, /[A-Za-z0-9_]+/)) {
    word = substr(text, RSTART, RLENGTH)
    done = done substr(text, 1, RSTART - 1)
    text = substr(text, RSTART + RLENGTH)
    if (word ~ /^(bzd|BZD)_.*[^_]$/ && done !~ /"$/) word = "#" word
    else if (word ~ /^BZD_[A-Z]+_$/) word = "\\ref " word " \"" word "\""
    done = done word
  }
  return done text
}

# The first sentence is what lists of contents show.
function brief(text) {
  if (text !~ /\\details / && match(text, /[^. ]\. [^0-9\\]/))
    text = substr(text, 1, RSTART + 1) " \\details " substr(text, RSTART + 3)
  return "\\brief " text
}

# The standing parts of a comment under headings of their own.
function parts(text) {
  text = " " safe(text) " "
  gsub(/ Status and threads as /, " \\both as ", text)
  gsub(/ Status( and threads)? as /, " \\status as ", text)
  gsub(/ Status: /, " \\status ", text)
  gsub(/ Threads: /, " \\threads ", text)
  gsub(/ Since /, " \\since ", text)
  gsub(/^ +| +$/, "", text)
  return text
}
