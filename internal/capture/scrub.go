package capture

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Scrubber anonymises the answers of one gateway. What it replaces gets the same
// placeholder in each of them.
type Scrubber struct {
	now    time.Time
	names  placeholders
	fields map[string]bool // names of fields that passed
	file   tally
}

// tally is what is told of one file.
type tally struct {
	kept     map[string]bool
	replaced int
}

// NewScrubber makes one; now decides which clock changes of a time zone count.
func NewScrubber(now time.Time) *Scrubber {
	return &Scrubber{now: now, names: newPlaceholders(), fields: map[string]bool{}, file: tally{kept: map[string]bool{}}}
}

// Names returns the names of fields that passed so far, sorted.
func (s *Scrubber) Names() []string { return slices.Sorted(maps.Keys(s.fields)) }

// File anonymises the answer to a path.
func (s *Scrubber) File(path string, raw Raw) File {
	s.file = tally{kept: map[string]bool{}}
	f := File{Path: path, Name: fileName(path), Status: raw.Status}
	// A missing file is a 404 when it is replayed. Behind a query it would be the
	// file without the query.
	if raw.Status != http.StatusNotFound || strings.Contains(path, "?") {
		f.Body = s.body(raw)
	}
	f.Headers = s.headers(raw.Header)
	f.Kept, f.Replaced = slices.Sorted(maps.Keys(s.file.kept)), s.file.replaced
	return f
}

// longest is how much of an answer is recorded; the longest seen has 200 KB.
const longest = 1 << 20

// body anonymises by what the first byte says: the content type is often
// missing, and wrong on firmware 3.
func (s *Scrubber) body(raw Raw) []byte {
	body := bytes.TrimLeft(raw.Body[:min(len(raw.Body), longest)], " \t\r\n\ufeff")
	switch {
	case len(body) == 0:
		return []byte{}
	case body[0] == '{' || body[0] == '[':
		return s.scrubJSON(body)
	case isXML(body):
		return s.scrubXML(body)
	case body[0] == '<':
		return s.scrubHTML(body, raw.Status)
	}
	s.file.replaced++
	return []byte("neither JSON nor HTML\n")
}

// name returns what to show of a field's name.
func (s *Scrubber) name(name string) string {
	if passes(name) {
		s.fields[name] = true
		return name
	}
	return s.replace(name)
}
