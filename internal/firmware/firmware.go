// Package firmware compares the version numbers of gateway firmware, on which
// the way to authenticate and the choice of endpoints depend.
//
// It knows nothing of what a version can do; gateway and derive do.
package firmware

import (
	"errors"
	"strings"
)

// ErrNotAVersion says that a text holds no dotted version number.
var ErrNotAVersion = errors.New("not a firmware version")

// longest bounds a version text: the longest seen is ten characters.
const longest = 32

// Version is dotted numbers without the letters before them: "8.2.4345" where
// /info says "D8.2.4345". The zero Version is unknown and below every other.
type Version string

// Parse reads the text of /info's software element: up to a few letters (D, R
// and M were seen), then dotted numbers.
func Parse(s string) (Version, error) {
	s = strings.TrimLeftFunc(strings.TrimSpace(s), isLetter)
	if s == "" || len(s) > longest {
		return "", ErrNotAVersion
	}
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return "", ErrNotAVersion
		}
	}
	return Version(s), nil
}

// String returns the dotted numbers.
func (v Version) String() string { return string(v) }

// AtLeast reports whether v is o or newer.
func (v Version) AtLeast(o Version) bool { return v.Compare(o) >= 0 }

// Less reports whether v is older than o.
func (v Version) Less(o Version) bool { return v.Compare(o) < 0 }

// Compare returns -1, 0 or 1 as v is older than, the same as or newer than o.
// It goes by numbers (8.2.127 is older than 8.2.4264); missing ones are 0.
func (v Version) Compare(o Version) int {
	a, b := string(v), string(o)
	if a == "" || b == "" {
		return min(len(a), 1) - min(len(b), 1)
	}
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// compareNumbers compares digits without converting them, so that no length
// overflows.
func compareNumbers(x, y string) int {
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	if len(x) != len(y) {
		return max(-1, min(1, len(x)-len(y)))
	}
	return strings.Compare(x, y)
}

func isLetter(r rune) bool { return 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' }
