package security_test

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"envoyd/internal/e2e"
)

// A web page elsewhere could have its own name point at this machine and read
// the house with a visitor's browser. Its name gives it away.
func TestForeignNamesAreRefusedOnEveryRoute(t *testing.T) {
	h := e2e.Start(t, e2e.Options{Extra: onlyLoopback})
	h.Fresh()
	for _, path := range []string{
		"/", "/api/v1/readings", "/api/v1/readings/" + serial, "/api/v1/stream", "/api/v1/history", "/metrics", "/healthz", "/readyz",
		"/connect/callback", "/nothing", "/control/token", "/app.js", "/style.css",
	} {
		for _, host := range []string{"evil.example", "evil.example:8099", "127.0.0.1.evil.example", "localhost.evil.example", ""} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Page+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if req.Host = host; host == "" {
				req.Host = "-"
			}
			if code, body := do(t, req); code != http.StatusMisdirectedRequest {
				t.Errorf("%s of %q answers %d: %.100s", path, host, code, body)
			}
		}
	}
	for _, path := range []string{"/control/token", "/control/trust", "/control/plan"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Page+path, nil)
		if code, _ := do(t, req); code != http.StatusNotFound {
			t.Errorf("%s is served on the network: %d", path, code)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Page+"/control/token/set", nil)
	if code, _ := do(t, req); code != http.StatusMethodNotAllowed && code != http.StatusNotFound {
		t.Errorf("a token can be set from the network: %d", code)
	}
}

func do(t *testing.T, req *http.Request) (int, []byte) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
	return resp.StatusCode, body
}

func TestTheStateFolderIsOursAlone(t *testing.T) {
	h := e2e.Start(t, e2e.Options{Process: true, Extra: onlyLoopback})
	h.Fresh()
	h.Kill() // with all that it had open
	h.StartDaemon()
	h.Fresh()
	dir := filepath.Join(h.Dir, "state")
	socket := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if os.IsNotExist(err) {
			return nil // a temporary file that was there a moment ago
		}
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		switch {
		case d.IsDir():
			want = 0o700
		case info.Mode()&fs.ModeSocket != 0:
			want, socket = 0o660, true
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !socket {
		t.Error("there is no socket")
	}
}
