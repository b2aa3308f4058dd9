package replay_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"envoyd/internal/sim/replay"
	"envoyd/internal/sim/site"
)

// FuzzPage holds that no path and no query leads out of the recording.
func FuzzPage(f *testing.F) {
	top := f.TempDir()
	dir := filepath.Join(top, "capture")
	for name, body := range map[string]string{
		"secret":       "secret",
		"capture/info": "<sn>122333444555</sn><software>D8.2.4345</software>",
		"capture/a_b":  "recorded",
	} {
		file := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(dir, "link")); err != nil {
		f.Fatal(err)
	}
	folder, err := replay.Open(dir, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { folder.Close() }) //nolint:errcheck // only read
	for _, path := range []string{"/a/b", "/link", "/../secret", "/./..", "/", "", "/a/b_log.json", "/\x00"} {
		f.Add(path, "")
		f.Add("/a", "b=../../secret")
		f.Add(path, "details=1")
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		page := folder.Page(site.Request{Method: "GET", Path: path, Query: query})
		if strings.Contains(string(page.Body), "secret") {
			t.Errorf("%q %q led outside", path, query)
		}
	})
}
