// Package answer parses what a gateway says: one file and one type per
// endpoint, from the body's bytes to numbers that may be absent.
//
// The same field flips between integer, float and text from one firmware to
// the next, members come and go, and a 32-bit number that went below zero
// shows as 4294967292. So the parsers are lenient about members (a wrong one
// is absent, the rest of the answer counts) and strict about shape (an HTML
// page, an error object or a truncated body is an error, never an empty
// measurement). They never panic and they judge nothing: what to believe is
// derive's business.
//
// Nothing here fetches, converts units or knows which firmware answered.
package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrShape says that a body is not the answer of this endpoint: another JSON
// shape, an HTML page, an error object, nothing at all, or cut off.
var ErrShape = errors.New("not the shape of this endpoint's answer")

// decode reads body into the value that into points to. open is the first
// byte a right answer has. A member of a wrong type stays absent.
func decode(body []byte, open byte, into any) error {
	body = bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(body) == 0 || body[0] != open {
		return ErrShape
	}
	err := json.Unmarshal(body, into)
	if _, syntax := errors.AsType[*json.SyntaxError](err); syntax {
		err = json.Unmarshal(withoutNaN(body), into)
	}
	if _, wrongType := errors.AsType[*json.UnmarshalTypeError](err); wrongType || err == nil {
		return nil // encoding/json has filled everything else
	}
	return fmt.Errorf("%w: %w", ErrShape, err)
}

// withoutNaN replaces bare NaN and Infinity, which no JSON parser takes, by
// null. Only words outside strings are touched.
func withoutNaN(body []byte) []byte {
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
