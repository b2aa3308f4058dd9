package derive_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
)

// capturesDir finds shared/captures beside the repository.
func capturesDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared", "captures")
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		tb.Fatal("shared/captures is missing beside the repository")
	}
	tb.Skip("skipped: no shared/captures beside the repository")
	return ""
}

// captures lists the folders of recorded answers.
func captures(tb testing.TB) []string {
	tb.Helper()
	entries, err := os.ReadDir(capturesDir(tb))
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// capture is one folder of recorded answers.
type capture struct {
	dir string
	id  derive.Identity
	at  time.Time // the gateway's clock
}

func openCapture(tb testing.TB, dir string) capture {
	tb.Helper()
	body, err := os.ReadFile(filepath.Join(dir, "info"))
	if err != nil {
		tb.Fatal(err)
	}
	var info struct {
		Time   int64 `xml:"time"`
		Device struct {
			Serial   string `xml:"sn"`
			Software string `xml:"software"`
			IMeter   string `xml:"imeter"`
		} `xml:"device"`
		WebTokens string `xml:"web-tokens"`
	}
	if err := xml.Unmarshal(body, &info); err != nil {
		tb.Fatal(err)
	}
	return capture{dir: dir, at: time.Unix(info.Time, 0).UTC(), id: derive.Identity{
		Serial: info.Device.Serial, Firmware: info.Device.Software,
		IMeter: strings.TrimSpace(info.Device.IMeter) == "true", WebTokens: info.WebTokens == "true",
	}}
}

// answer returns the recorded body, and whether the endpoint was there.
func (c capture) answer(path string) ([]byte, bool) {
	base, query, _ := strings.Cut(strings.TrimPrefix(path, "/"), "?")
	name := strings.ReplaceAll(base, "/", "_")
	var names []string
	if query != "" {
		names = append(names, name+"_"+strings.ReplaceAll(query, "=", "_"))
	}
	for _, name := range append(names, name) {
		body, err := os.ReadFile(filepath.Join(c.dir, name))
		if err != nil {
			continue
		}
		var log struct{ Code int }
		if raw, err := os.ReadFile(filepath.Join(c.dir, name+"_log.json")); err == nil {
			_ = json.Unmarshal(raw, &log)
		}
		return body, log.Code == 0 || log.Code == 200
	}
	return nil, false
}

// probe asks a capture as collect asks a gateway.
func (c capture) probe() *derive.Snapshot {
	s := derive.NewSnapshot(c.id)
	for _, e := range derive.Endpoints(c.id) {
		if !e.Worth(s) {
			continue
		}
		body, ok := c.answer(e.Path)
		if !ok || s.Put(e.Path, body, c.at) != nil {
			s.Missing(e.Path)
		}
	}
	return s
}
