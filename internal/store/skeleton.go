package store

import (
	"strconv"
	"time"
)

// Marks stand in a skeleton where the JSON text had something that changes
// from one record to the next. encoding/json escapes control characters, so
// none of them can occur in the text itself.
const (
	markNumber byte = 1 + iota // a decimal number, counted in thousandths
	markSecond                 // a quoted UTC time in whole seconds since 1970
	markMilli                  // the same in milliseconds
	markNano                   // the same in nanoseconds
	markSerial                 // a quoted serial: twelve digits, no leading zero
)

const (
	serialDigits = 12
	maxDigits    = 15 // thousandths beyond this many digits do not fit an int64 safely
)

// split takes a JSON text apart: the skeleton is the text with marks for its
// numbers, times and serials, appended to skel; their values are appended to
// nums. join makes the very same bytes of them again: whatever would not come
// back exactly stays in the skeleton as it is.
func split(text, skel []byte, nums []int64) ([]byte, []int64) {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := closingQuote(text, i+1)
			mark, n, ok := fromString(text[i+1 : end])
			if ok && end < len(text) { // a string that is cut off would come back with its quote
				skel, nums = append(skel, mark), append(nums, n)
			} else {
				skel = append(skel, text[i:min(end+1, len(text))]...)
			}
			i = min(end+1, len(text))
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(text) && numeric(text[end]) {
				end++
			}
			if n, ok := fromNumber(text[i:end]); ok {
				skel, nums = append(skel, markNumber), append(nums, n)
			} else {
				skel = append(skel, text[i:end]...)
			}
			i = end
		default:
			skel = append(skel, c)
			i++
		}
	}
	return skel, nums
}

func closingQuote(text []byte, i int) int {
	for i < len(text) && text[i] != '"' {
		if text[i] == '\\' {
			i++
		}
		i++
	}
	return min(i, len(text))
}

func numeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// fromNumber counts a number in thousandths, if join would write it alike.
func fromNumber(text []byte) (int64, bool) {
	if len(text) > maxDigits {
		return 0, false
	}
	var n int64
	decimals, digits := -1, text
	if text[0] == '-' {
		digits = text[1:]
	}
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
			if decimals >= 0 {
				decimals++
			}
		case c == '.' && decimals < 0:
			decimals = 0
		default:
			return 0, false
		}
	}
	if decimals > 3 {
		return 0, false
	}
	for d := max(decimals, 0); d < 3; d++ {
		n *= 10
	}
	if text[0] == '-' {
		n = -n
	}
	var room [32]byte
	return n, string(appendNumber(room[:0], n)) == string(text)
}

func appendNumber(b []byte, n int64) []byte {
	u := uint64(n)
	if n < 0 {
		b = append(b, '-')
		u = -u
	}
	b = strconv.AppendUint(b, u/1000, 10)
	if u%1000 == 0 {
		return b
	}
	d := u % 1000
	b = append(b, '.', byte('0'+d/100), byte('0'+d/10%10), byte('0'+d%10))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// fromString recognises times in UTC and serials.
func fromString(s []byte) (mark byte, n int64, ok bool) {
	if len(s) == serialDigits && s[0] >= '1' && s[0] <= '9' {
		n, err := strconv.ParseInt(string(s), 10, 64)
		return markSerial, n, err == nil
	}
	if len(s) < len("2006-01-02T15:04:05Z") || s[len(s)-1] != 'Z' || s[4] != '-' {
		return 0, 0, false
	}
	t, err := time.Parse(time.RFC3339Nano, string(s))
	if err != nil || t.Year() < 1700 || t.Year() > 2200 { // outside, nanoseconds overflow
		return 0, 0, false
	}
	switch ns := t.Nanosecond(); {
	case ns == 0:
		mark, n = markSecond, t.Unix()
	case ns%1e6 == 0:
		mark, n = markMilli, t.UnixMilli()
	default:
		mark, n = markNano, t.UnixNano()
	}
	var room [40]byte
	return mark, n, string(appendTime(room[:0], mark, n)) == string(s)
}

func appendTime(b []byte, mark byte, n int64) []byte {
	var t time.Time
	switch mark {
	case markSecond:
		t = time.Unix(n, 0)
	case markMilli:
		t = time.UnixMilli(n)
	default:
		t = time.Unix(0, n)
	}
	return t.UTC().AppendFormat(b, time.RFC3339Nano)
}

// join appends the JSON text of a skeleton and its values to text. It needs
// as many values as marks(skel) counts.
func join(text, skel []byte, nums []int64) []byte {
	for _, c := range skel {
		if c < markNumber || c > markSerial {
			text = append(text, c)
			continue
		}
		n := nums[0]
		nums = nums[1:]
		switch c {
		case markNumber:
			text = appendNumber(text, n)
		case markSerial:
			text = append(text, '"')
			text = append(strconv.AppendInt(text, n, 10), '"')
		default:
			text = append(appendTime(append(text, '"'), c, n), '"')
		}
	}
	return text
}

// marks lists the marks of a skeleton in order.
func marks(skel []byte) []byte {
	var found []byte
	for _, c := range skel {
		if c >= markNumber && c <= markSerial {
			found = append(found, c)
		}
	}
	return found
}
