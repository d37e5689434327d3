# SPDX-License-Identifier: MIT
# Compares what a program printed with what its page says: awk -f same.awk SAID PRINTED. Words are the same; figures differ
# by a seventh or 0.02 at most, since other matrix kernels round differently.
function number(word) { return word ~ /^-?[0-9]+(\.[0-9]+)?$/ }
function abs(x) { return x < 0 ? -x : x }
FNR == NR { said[++count] = $0; next }
{
  n = split(said[FNR], a, /[ ,:]+/)
  same = n == split($0, b, /[ ,:]+/)
  for (i = 1; same && i <= n; i++)
    if (number(a[i]) && number(b[i])) same = abs(a[i] - b[i]) <= 0.02 + abs(a[i]) / 7
    else same = a[i] == b[i]
  if (!same) { print "said:    " said[FNR]; print "printed: " $0; bad = 1 }
}
END {
  if (FNR != count) { print count " lines said, " FNR " printed"; bad = 1 }
  exit bad
}
