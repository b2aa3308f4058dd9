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

	"envoyd/internal/scalar"
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
		err = json.Unmarshal(scalar.WithoutNaN(body), into)
	}
	if _, wrongType := errors.AsType[*json.UnmarshalTypeError](err); wrongType || err == nil {
		return nil // encoding/json has filled everything else
	}
	return fmt.Errorf("%w: %w", ErrShape, err)
}
