// Package site holds the few types that the gateway's HTTP face and what it
// shows (a modelled home or a recording) have in common.
package site

import (
	"net/http"
	"strconv"
	"strings"
)

// Request is what a site needs to know of a request that was let in.
type Request struct {
	Method string
	Path   string
	Query  string // raw
	Body   []byte
}

// Page is one answer of a gateway, before faults. A header with a nil value is
// not sent at all, not even one the server would add.
type Page struct {
	Status int // 0 = 200
	Header http.Header
	Body   []byte
	Digest bool // wanted only with a digest login (firmware below 7)
	Slow   bool // from the page server that answers in seconds and one at a time

	Chunked bool // without a length
}

// Identity is what a gateway says of itself at /info.
type Identity struct {
	Serial   string // 12 digits
	Firmware string // dotted, as in D8.2.4345 but without the letter
}

// Tokens reports whether this gateway wants tokens and HTTPS: firmware 7 and
// later.
func (i Identity) Tokens() bool {
	major, _, _ := strings.Cut(strings.TrimLeft(i.Firmware, "DRM"), ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 7
}
