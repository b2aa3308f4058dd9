package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"envoyd/internal/fault"
)

// log is what stands beside a file.
type log struct {
	Code    int               `json:"code"`
	Headers map[string]string `json:"headers"`
}

var errNotEmpty = errors.New("the folder is not empty")

// Vacant checks that dir can take a recording: it is not there yet, or it is an
// empty folder.
func Vacant(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	_, err = d.Readdirnames(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return &fault.Error{Kind: fault.Config, Op: "writing to " + dir, Err: errNotEmpty, Mend: "Name a folder that does not exist yet."}
}

// Write puts the recording into dir, which it makes if needed.
func (r Recording) Write(dir string) error {
	if err := Vacant(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // made to be handed on
		return fmt.Errorf("making the folder: %w", err)
	}
	for _, f := range r.Files {
		if err := f.write(filepath.Join(dir, f.Name)); err != nil {
			return fmt.Errorf("writing the recording: %w", err)
		}
	}
	return nil
}

func (f File) write(path string) error {
	if f.Body != nil {
		if err := os.WriteFile(path, f.Body, 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	text, err := json.MarshalIndent(log{Code: f.Status, Headers: f.Headers}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path+"_log.json", append(text, '\n'), 0o644) //nolint:gosec // as above
}
