// Package scalar reads single values of JSON documents whose makers do not
// agree with themselves: gateways and Enphase's cloud write a number as integer,
// as float or in quotes, and null or an object where there is none.
//
// It takes what can be understood and calls the rest absent; nothing here
// fails. What a value means, and which quirk of which firmware hides in it, is
// the business of those who ask.
package scalar

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Text returns a JSON scalar as plain text: strings without quotes and without
// space around them, numbers and truth values as written, null and compound
// values as nothing.
func Text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	switch b[0] {
	case '{', '[', 'n':
		return ""
	case '"':
		var s string
		if json.Unmarshal(b, &s) != nil {
			return ""
		}
		return strings.TrimSpace(s)
	}
	return string(b)
}

// Number reads a number. It may be infinite or not a number: who asks decides
// what is too large.
func Number(b []byte) (float64, bool) {
	f, err := strconv.ParseFloat(Text(b), 64)
	return f, err == nil
}

// Whole reads an integer from its text, so that every digit of 64 bits counts,
// or the integer part of a float that is exact.
func Whole(b []byte) (int64, bool) {
	s := Text(b)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) >= 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// farthest bounds a time so that it can be written as RFC 3339.
const farthest = 253402300799

// Time reads seconds since 1970, in UTC; the zero time when there are none, or
// 0 of them.
func Time(b []byte) time.Time {
	n, ok := Whole(b)
	if !ok || n <= 0 || n > farthest {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
