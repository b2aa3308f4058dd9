package grant_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"envoyd/internal/cloud/grant"
	"envoyd/internal/cloud/host"
	"envoyd/internal/secret"
	"envoyd/internal/sim/cloud"
	"envoyd/internal/sim/home"
)

// The points at which the daemon is killed during a refresh.
const (
	beforeCall  = "before the call"
	afterAnswer = "after the answer, before anything is written"
	midWrite    = "in the middle of the write"
	afterWrite  = "after the write, before the token is used"
)

// crash is the daemon that dies. It runs as a process of its own.
func crash() {
	h, err := host.New(host.Config{Key: "endpoints.api", URL: os.Getenv("ENVOYD_URL"), Transport: &killer{os.Getenv("ENVOYD_CRASH")}})
	if err != nil {
		panic(err)
	}
	k := grant.New(grant.Config{ClientID: clientID, ClientSecret: secret.New(clientSecret), Dir: os.Getenv("ENVOYD_DIR"), Host: h})
	if _, err := k.Token(context.Background()); err != nil {
		panic(err)
	}
	die()
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// killer dies around the call, or sees to it that the kernel stops the process
// with half of the file written.
type killer struct{ at string }

func (k *killer) RoundTrip(r *http.Request) (*http.Response, error) {
	if k.at == beforeCall {
		die()
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	switch k.at {
	case afterAnswer:
		die()
	case midWrite:
		allowOnly(150)
	}
	return answer, nil
}

// allowOnly lets no file grow beyond so many bytes: the write that does is cut
// there and the next one kills the process. Go would make an error of that
// signal, so it gets the kernel's own meaning back.
func allowOnly(bytes uint64) {
	var original [64]byte // a sigaction of zeros is SIG_DFL
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGXFSZ), uintptr(unsafe.Pointer(&original)), 0, 8, 0, 0)
	err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes})
	if errno != 0 || err != nil {
		panic("no limit")
	}
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// yesterday ages the stored grant so that a refresh is due.
func yesterday(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, days := range []int{0, 1, 2} {
		date := time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly)
		for _, key := range []string{"expires", "renewed"} {
			text = strings.ReplaceAll(text, `"`+key+`": "`+date, `"`+key+`": "`+time.Now().UTC().AddDate(0, 0, days-2).Format(time.DateOnly))
		}
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// vendor is envoysim's token endpoint, and a bench with a grant of it.
func vendor(t *testing.T, strict bool) (api *cloud.Cloud, server *httptest.Server, b *bench) {
	t.Helper()
	api = cloud.New(cloud.Config{Home: home.New(home.Config{}), Client: clientID, Secret: clientSecret})
	api.Strict(strict)
	mux := http.NewServeMux()
	api.Mount(mux.Handle)
	server = httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b = newBench(t)
	b.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(api.Grant())
	}
	b.granted(t)
	return api, server, b
}

// A service that ends the old refresh token at once cannot be survived when the
// only answer with the new one dies with the daemon; what is on disk can.
func TestKilledAtEachStepOfARefreshTheGrantLives(t *testing.T) {
	for name, c := range map[string]struct {
		point  string
		strict bool
	}{
		beforeCall:              {beforeCall, false},
		afterAnswer:             {afterAnswer, false},
		midWrite:                {midWrite, false},
		afterWrite:              {afterWrite, false},
		"strict, " + beforeCall: {beforeCall, true},
		"strict, " + afterWrite: {afterWrite, true},
	} {
		t.Run(name, func(t *testing.T) {
			api, server, b := vendor(t, c.strict)
			for range 3 { // and again at the next start
				yesterday(t, b.path())
				child := exec.Command(os.Args[0], "-test.run=^$")
				child.Env = append(os.Environ(), "ENVOYD_CRASH="+c.point, "ENVOYD_URL="+server.URL, "ENVOYD_DIR="+b.dir, "GOTRACEBACK=none")
				if out, err := child.CombinedOutput(); err == nil || strings.Contains(string(out), "panic") {
					t.Fatalf("the daemon did not die as it should: %v %s", err, out)
				}
			}
			if c.point == midWrite && len(temporary(t, b)) == 0 {
				t.Error("nothing half written: the test does not test")
			}
			want := 3
			if c.point == beforeCall {
				want = 0
			}
			if asked := api.TokenCalls(); asked != want {
				t.Errorf("%d refreshes reached the service, want %d", asked, want)
			}
			yesterday(t, b.path())
			k := b.keeper(t, func(cfg *grant.Config) { cfg.Host = address(t, server.URL) })
			if code := present(t, api, server.URL, token(t, k)); code == http.StatusUnauthorized {
				t.Error("the new access token is not taken")
			}
			if err := k.Check(t.Context()); err != nil {
				t.Errorf("the refresh after: %v", err)
			}
			if left := temporary(t, b); len(left) > 0 {
				t.Errorf("tokens left over in %v", left)
			}
		})
	}
}

// address is the way to a server.
func address(t *testing.T, url string) *host.Host {
	t.Helper()
	h, err := host.New(host.Config{Key: "endpoints.api", URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// present shows an access token in a data call, of a page that there is not.
func present(t *testing.T, api *cloud.Cloud, url, access string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v4/nothing", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+access)
	r.Header.Set("key", api.Key())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close() // nothing is read
	return answer.StatusCode
}

func temporary(t *testing.T, b *bench) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(b.dir, ".enlighten-grant*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// Between the end of the write and the renaming the only place of the new
// refresh token is a temporary file. Here even a service that ends the old one
// at once does not end the grant.
func TestKilledBeforeTheRenamingTheTemporaryFileCounts(t *testing.T) {
	b := newBench(t)
	b.strict = true
	k := b.granted(t)
	before, err := os.ReadFile(b.path())
	if err != nil {
		t.Fatal(err)
	}
	yesterday(t, b.path())
	token(t, k)
	after, err := os.ReadFile(b.path())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("enlighten-grant.json", before)
	yesterday(t, b.path())
	write(".enlighten-grant.json.1", after)
	write(".enlighten-grant.json.2", after[:len(after)/2])
	k = b.keeper(t, nil)
	if err := k.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	token(t, k)
	if left := temporary(t, b); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	write(".enlighten-grant.json.3", before) // older than the file: of no use
	yesterday(t, b.path())
	if _, err := b.keeper(t, nil).Token(t.Context()); errors.Is(err, grant.ErrEnded) {
		t.Error("an old temporary file took the place of the grant")
	}
}
