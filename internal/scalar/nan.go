package scalar

import "bytes"

// WithoutNaN replaces bare NaN and Infinity, which no JSON parser takes, by
// null. Only words outside strings are touched.
func WithoutNaN(body []byte) []byte {
	out := make([]byte, 0, len(body))
	quoted := false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case quoted && c == '\\' && i+1 < len(body):
			out = append(out, c, body[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case !quoted:
			if n := nonFinite(body[i:]); n > 0 {
				out = append(out, "null"...)
				i += n - 1
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// nonFinite returns the length of the non-finite word that b starts with, or 0.
func nonFinite(b []byte) int {
	for _, word := range []string{"-infinity", "infinity", "-inf", "inf", "-nan", "nan"} {
		if len(b) >= len(word) && bytes.EqualFold(b[:len(word)], []byte(word)) {
			return len(word)
		}
	}
	return 0
}
