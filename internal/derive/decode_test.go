package derive_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"envoyd/internal/derive"
)

// TestEveryRecordedAnswerIsRead puts every recorded answer of every endpoint,
// whether or not a probe would ask for it.
func TestEveryRecordedAnswerIsRead(t *testing.T) {
	dir := capturesDir(t)
	for _, name := range captures(t) {
		t.Run(name, func(t *testing.T) {
			c := openCapture(t, filepath.Join(dir, name))
			s := derive.NewSnapshot(c.id)
			for _, e := range derive.Endpoints(c.id) {
				body, ok := c.answer(e.Path)
				if !ok {
					continue
				}
				html := bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
				err := s.Put(e.Path, body, c.at)
				if (err != nil) != (html && e.Path != "/production") {
					t.Errorf("%s: %v", e.Path, err)
				}
			}
		})
	}
}
