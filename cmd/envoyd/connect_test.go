package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"envoyd/internal/e2e"
	"envoyd/internal/sim"
	"envoyd/internal/sim/account"
	"envoyd/internal/sim/cloud"
)

// application is a home's application at the developer portal.
func application() cloud.Config {
	return cloud.Config{Client: "the-client-1", Secret: "the-client-secret-1", Key: "the-api-key-1"}
}

const applicationKeys = "client_id: the-client-1, client_secret: the-client-secret-1, api_key: the-api-key-1"

// cloudHouse is a home with an application, the daemon not yet running.
func cloudHouse(t *testing.T) *e2e.House {
	t.Helper()
	return e2e.Build(t, cloudOptions())
}

func cloudOptions() e2e.Options {
	return e2e.Options{Sim: sim.Config{API: application()}, Extra: "cloud: {enlighten: {" + applicationKeys + "}}\n"}
}

// elsewhere makes the configuration that of another gateway than the cloud's.
func elsewhere(t *testing.T) *e2e.House {
	t.Helper()
	h := cloudHouse(t)
	text, err := os.ReadFile(h.File)
	if err == nil {
		err = os.WriteFile(h.File, bytes.ReplaceAll(text, []byte(sim.DefaultSerial), []byte("122000000001")), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// typist runs the command and types for the owner.
type typist struct {
	t    *testing.T
	in   *io.PipeWriter
	said *said
	exit chan int
	stop func() // Ctrl-C
}

type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// typing starts the command of a house; it ends with the test at the latest.
func typing(t *testing.T, h *e2e.House, args ...string) *typist {
	t.Helper()
	in, keys := io.Pipe()
	c := &typist{t: t, in: keys, said: &said{}, exit: make(chan int, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	go func() { c.exit <- run(ctx, append(args, "-config", h.File), stdio{in: in, out: c.said, err: c.said}) }()
	t.Cleanup(func() { cancel(); _ = keys.Close() })
	return c
}

// hears waits until the command has said it.
func (c *typist) hears(want string) {
	c.t.Helper()
	e2e.WaitFor(c.t, "the command to say "+want, func() bool { return strings.Contains(c.said.String(), want) || len(c.exit) > 0 })
	if text := c.said.String(); !strings.Contains(text, want) {
		c.t.Fatalf("the command ended without %q: %s", want, text)
	}
}

func (c *typist) types(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// ends waits for the end, wants a status and no secret, and returns what was said.
func (c *typist) ends(want int) string {
	c.t.Helper()
	e2e.WaitFor(c.t, "the command to end", func() bool { return len(c.exit) > 0 })
	text := c.said.String()
	if got := <-c.exit; got != want {
		c.t.Fatalf("exit status %d, want %d: %s", got, want, text)
	}
	for _, secret := range []string{"the-client-secret-1", "the-api-key-1", account.Password, cloud.InstallerPassword} {
		if strings.Contains(text, secret) {
			c.t.Errorf("a secret was printed: %s", text)
		}
	}
	if secretForms.MatchString(text) {
		c.t.Errorf("a token was printed: %s", text)
	}
	return text
}

var (
	addressForm = regexp.MustCompile(`(?m)^  (http://\S+/oauth/authorize\?\S+)$`)
	codeShown   = regexp.MustCompile(`<code id="code">([^<]+)</code>`)
)

// address is the consent page that the command has printed.
func (c *typist) address() string {
	c.t.Helper()
	c.hears("and approve:")
	e2e.WaitFor(c.t, "the address", func() bool { return addressForm.MatchString(c.said.String()) })
	return addressForm.FindStringSubmatch(c.said.String())[1]
}

// decide walks the consent as the owner's browser does and returns what the
// last page shows, and where it is.
func decide(t *testing.T, address, decision string) (page string, at *url.URL) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	question, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	form := question.Query()
	question.RawQuery = ""
	for _, step := range []url.Values{{"email": {sim.User}, "password": {account.Password}}, {"decision": {decision}}} {
		for name, values := range form {
			step[name] = values
		}
		answer, err := client.PostForm(question.String(), step)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		page, at = string(text), answer.Request.URL
	}
	return page, at
}

// code is what Enphase's page shows after a yes.
func code(t *testing.T, address string) string {
	t.Helper()
	page, _ := decide(t, address, "approve")
	found := codeShown.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no code in %s", page)
	}
	return found[1]
}

func granted(h *e2e.House) bool {
	_, err := os.Stat(filepath.Join(h.Dir, "state", "enlighten-grant.json"))
	return !errors.Is(err, os.ErrNotExist)
}

// besideAndAlone runs a test with the daemon running and without one.
func besideAndAlone(t *testing.T, build func(t *testing.T) *e2e.House, test func(t *testing.T, h *e2e.House)) {
	t.Run("beside the daemon", func(t *testing.T) {
		h := build(t)
		h.StartDaemon()
		test(t, h)
	})
	t.Run("without a daemon", func(t *testing.T) { test(t, build(t)) })
}

func TestConnectWithAPastedCode(t *testing.T) {
	besideAndAlone(t, cloudHouse, func(t *testing.T, h *e2e.House) {
		c := typing(t, h, "connect", "enlighten")
		address := c.address()
		if u, err := url.Parse(address); err != nil || !strings.HasSuffix(u.Query().Get("redirect_uri"), "/oauth/redirect_uri") || len(u.Query().Get("state")) != 32 {
			t.Errorf("address %s", address)
		}
		c.hears("never one that somebody sent you")
		c.hears("Code: ")
		c.types(code(t, address))
		if text := c.ends(exitOK); !strings.Contains(text, "4321098 ") || !strings.Contains(text, "(the one that is read)") {
			t.Errorf("said %s", text)
		}
		if !granted(h) {
			t.Error("no grant is kept")
		}
	})
}

func TestConnectWithAPastedAddress(t *testing.T) {
	h := cloudHouse(t)
	c := typing(t, h, "connect", "enlighten")
	_, at := decide(t, c.address(), "approve")
	c.types(at.String())
	c.ends(exitOK)

	c = typing(t, h, "connect", "enlighten")
	_, at = decide(t, c.address(), "approve")
	q := at.Query()
	q.Set("state", strings.Repeat("0", 32))
	at.RawQuery = q.Encode()
	c.types(at.String())
	if text := c.ends(exitFailed); !strings.Contains(text, "another question") {
		t.Errorf("said %s", text)
	}
}

func TestConnectSaysWhyItFailed(t *testing.T) {
	besideAndAlone(t, cloudHouse, func(t *testing.T, h *e2e.House) {
		for name, try := range map[string]struct {
			text func(address string) string
			want string
		}{
			"a wrong code": {func(string) string { return "ABC123" }, "the code is wrong, used or too old"},
			"no code":      {func(string) string { return "what now?!" }, "this is no code"},
			"a refusal": {func(address string) string {
				_, at := decide(t, address, "reject")
				return at.String()
			}, "the owner said no"},
		} {
			t.Run(name, func(t *testing.T) {
				c := typing(t, h, "connect", "enlighten")
				c.types(try.text(c.address()))
				if text := c.ends(exitFailed); !strings.Contains(text, try.want) {
					t.Errorf("said %s", text)
				}
				if granted(h) {
					t.Error("a grant is kept")
				}
			})
		}
	})
}

func TestConnectAsksAboutASystemWithoutTheGateway(t *testing.T) {
	for answer, want := range map[string]int{"n": exitFailed, "y": exitOK} {
		t.Run(answer, func(t *testing.T) {
			besideAndAlone(t, elsewhere, func(t *testing.T, h *e2e.House) {
				c := typing(t, h, "connect", "enlighten")
				c.types(code(t, c.address()))
				c.hears("does not have gateway")
				c.types(answer)
				c.ends(want)
				if granted(h) != (want == exitOK) {
					t.Errorf("granted: %v", granted(h))
				}
			})
		})
	}
}

// partnerHouse is a home with an installer's application.
func partnerHouse(t *testing.T, app, password string) *e2e.House {
	t.Helper()
	api := application()
	api.Partner = true
	return e2e.Build(t, e2e.Options{Sim: sim.Config{API: api}, Extra: "cloud: {enlighten: {" + app + "plan: partner, " + applicationKeys +
		", username: " + cloud.InstallerEmail + ", password: " + password + "}}\n"})
}

func TestConnectAsAnInstaller(t *testing.T) {
	for name, app := range map[string]string{"configured": "app: partner, ", "by the flag": ""} {
		t.Run(name, func(t *testing.T) {
			h := partnerHouse(t, app, cloud.InstallerPassword)
			typing(t, h, "connect", "enlighten", "-app", "partner").ends(exitOK)
			if !granted(h) {
				t.Error("no grant is kept")
			}
			h = partnerHouse(t, app, "wrong")
			if text := typing(t, h, "connect", "enlighten", "-app", "partner").ends(exitFailed); !strings.Contains(text, "user name or password is wrong") {
				t.Errorf("said %s", text)
			}
		})
	}
	t.Run("without a login", func(t *testing.T) {
		c := typing(t, cloudHouse(t), "connect", "enlighten", "-app", "partner")
		if text := c.ends(exitFailed); !strings.Contains(text, "there is no installer's login") {
			t.Errorf("said %s", text)
		}
	})
}

func TestConnectWithoutAnApplication(t *testing.T) {
	h := e2e.Build(t, e2e.Options{})
	if text := typing(t, h, "connect", "enlighten").ends(exitFailed); !strings.Contains(text, "developer-v4.enphase.com") {
		t.Errorf("said %s", text)
	}
}
