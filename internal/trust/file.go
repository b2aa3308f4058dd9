package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"envoyd/internal/atomicfile"
	"envoyd/internal/fault"
)

const (
	fileName    = "gateways.json"
	fileVersion = 1
	// seenEvery bounds how far a LastSeen on disk may be behind: often enough
	// for the hour that a key must be silent, seldom enough for a flash card.
	seenEvery = 10 * time.Minute
)

type file struct {
	Version  int     `json:"version"`
	Gateways []Entry `json:"gateways"`
}

func (b *Book) load(dir string) error {
	b.path = filepath.Join(dir, fileName)
	data, err := os.ReadFile(b.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var head struct{ Version int }
	if json.Unmarshal(data, &head) == nil && head.Version > fileVersion {
		return fmt.Errorf("%s was written by a newer envoyd (format %d)", b.path, head.Version)
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil || !f.sound() {
		return b.setAside()
	}
	for _, e := range f.Gateways {
		b.entries[e.Serial] = e
		for _, p := range e.Pins {
			b.recalled[p.SHA256] = true
		}
	}
	return nil
}

// sound reports whether every entry has a serial and usable pins: a half-right
// book would silently pin nothing.
func (f file) sound() bool {
	if f.Version < 1 {
		return false
	}
	for _, e := range f.Gateways {
		if checkSerial(e.Serial) != nil {
			return false
		}
		for _, p := range e.Pins {
			if normal, err := ParsePin(p.SHA256); err != nil || normal != p.SHA256 {
				return false
			}
		}
	}
	return true
}

func (b *Book) setAside() error {
	aside := b.path + ".damaged"
	if err := os.Rename(b.path, aside); err != nil {
		return fmt.Errorf("setting the damaged file aside: %w", err)
	}
	b.damaged = aside
	return nil
}

// save writes the book for those who hold the lock.
func (b *Book) save(now time.Time) error {
	b.saved = now
	if b.path == "" {
		return nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	err := enc.Encode(file{Version: fileVersion, Gateways: b.sorted()})
	if err == nil {
		err = atomicfile.Write(b.path, out.Bytes(), 0o600)
	}
	if b.failed = err; err != nil {
		b.failed = fmt.Errorf("writing what is known of the gateways: %w", err)
	}
	return b.failed
}

// CheckSerial reports whether s is a gateway's serial: 12 digits and nothing
// else, since it becomes part of file names, topics and texts.
func CheckSerial(s string) error { return checkSerial(s) }

func checkSerial(s string) error {
	ok := len(s) == 12
	for _, c := range []byte(s) {
		ok = ok && '0' <= c && c <= '9'
	}
	if ok {
		return nil
	}
	return &fault.Error{
		Kind: fault.Config, Op: "checking a gateway's serial",
		Mend: "A serial is the 12 digits on the gateway's label.",
		Err:  fmt.Errorf("%.40q is not 12 digits", s),
	}
}
