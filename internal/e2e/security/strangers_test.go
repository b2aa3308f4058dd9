package security_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"envoyd/internal/e2e"
	"envoyd/internal/sim"
	"envoyd/internal/sim/account"
	"envoyd/internal/status"
)

const (
	serial   = sim.DefaultSerial
	password = "the-digest-password-of-the-house"
)

// onlyLoopback keeps the commands from asking the network of this machine.
const onlyLoopback = "discover: {interfaces: [lo]}\n"

// scene is a stranger at the gateway's address.
type scene struct {
	stranger stranger
	met      bool // the true gateway was there before, so its key is known
	bare     bool // neither token nor account any more: only the password
}

func TestNoSecretReaches(t *testing.T) {
	for name, s := range map[string]*scene{
		"another serial":               {stranger: stranger{serial: "122333444556", firm: "8.2.4345", secure: true}},
		"a serial with a path in it":   {stranger: stranger{serial: serial + "/../../x", firm: "8.2.4345", secure: true}},
		"another key":                  {stranger: stranger{serial: serial, firm: "8.2.4345", secure: true}, met: true},
		"another key, higher firmware": {stranger: stranger{serial: serial, firm: "99.9.9999", secure: true}, met: true},
		"another key, firmware 5":      {stranger: stranger{serial: serial, firm: "5.0.62", secure: true, page: digest}, met: true},
		"firmware 5 by HTTP":           {stranger: stranger{serial: serial, firm: "5.0.62", page: digest}, met: true},
		"firmware 5 by HTTP, no token": {stranger: stranger{serial: serial, firm: "5.0.62", page: digest}, met: true, bare: true},
		"firmware 8 by HTTP":           {stranger: stranger{serial: serial, firm: "8.2.4345", page: digest}},
		"a redirect of who it is":      {stranger: stranger{serial: serial, firm: "8.2.4345", secure: true, infoToo: true}},
		"a digest of another realm":    {stranger: stranger{serial: serial, firm: "5.0.62"}, bare: true},
	} {
		t.Run(strings.NewReplacer(" ", "-", ",", "").Replace(name), func(t *testing.T) { s.play(t) })
	}
}

func (s *scene) play(t *testing.T) {
	h := e2e.Build(t, e2e.Options{Extra: onlyLoopback, Gateway: "password: " + password})
	pasted := tokenFor(t, serial)
	if s.met {
		h.StartDaemon()
		h.Fresh()
		h.StopDaemon()
	} else {
		edit(t, h, func(text string) string { return strings.Replace(text, "name: Home", "name: Home, token: "+pasted, 1) })
	}
	if s.stranger.infoToo {
		elsewhere := meet(t, "127.0.0.1", &stranger{serial: serial, firm: "8.2.4345", secure: true})
		s.stranger.page = redirect(elsewhere)
		defer func() {
			if n := elsewhere.connections(); n > 0 {
				t.Errorf("the redirect was followed %d times", n)
			}
		}()
	}
	at := meet(t, "127.0.0.1", &s.stranger)
	secrets := append(tokens(t, h), pasted, password, account.Password, h.Sim.Broker.Password())
	edit(t, h, func(text string) string { return strings.Replace(text, h.Sim.Gateway.Addr(), at.address, 1) })
	if s.bare {
		edit(t, h, func(text string) string { return without(strings.Replace(text, ", token: "+pasted, "", 1), "account:") })
		_ = os.RemoveAll(filepath.Join(h.Dir, "state", "tokens")) // there may be none
	}
	h.StartDaemon()
	h.Wait("the stranger to be asked", func() bool { return at.connections() > 0 })
	h.Wait("the daemon to say that something is wrong", func() bool {
		return worried(h.Condition("gateway/"+serial)) || worried(h.Condition("password/"+serial))
	})
	h.StopDaemon()
	commands(t, h, pasted, secrets...)
	if got := at.got(secrets...); len(got) > 0 {
		t.Errorf("the stranger got %q", got)
	}
}

func worried(c status.Condition) bool { return c.State == status.Red || c.State == status.Yellow }

// commands runs every command that talks to a gateway.
func commands(t *testing.T, h *e2e.House, pasted string, secrets ...string) {
	t.Helper()
	for _, c := range [][]string{
		{"", "read", "-direct"},
		{pasted, "token", "set"},
		{"", "read", "-direct", "-json"},
		{"n\n", "trust"},
		{"", "token", "renew"},
		{"", "check"},
		{"", "discover", "-timeout", "500ms"},
	} {
		out, _ := h.Command(c[0], c[1], c[2:]...)
		for _, secret := range secrets {
			if strings.Contains(out, secret) {
				t.Errorf("%s prints a secret: %s", strings.Join(c[1:], " "), out)
			}
		}
	}
}

// redirect sends everybody to another host.
func redirect(to *stranger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+to.address+r.URL.Path, http.StatusMovedPermanently)
	}
}

// Whoever shows a key first is taken for the gateway; where it sends us does
// not become one.
func TestNoRedirectIsFollowed(t *testing.T) {
	h := e2e.Build(t, e2e.Options{Extra: onlyLoopback})
	elsewhere := meet(t, "127.0.0.1", &stranger{serial: serial, firm: "8.2.4345", secure: true})
	at := meet(t, "127.0.0.1", &stranger{serial: serial, firm: "8.2.4345", secure: true, page: redirect(elsewhere)})
	edit(t, h, func(text string) string {
		return strings.Replace(strings.Replace(text, h.Sim.Gateway.Addr(), at.address, 1), "name: Home", "name: Home, token: "+tokenFor(t, serial), 1)
	})
	h.StartDaemon()
	h.Wait("the redirect", func() bool { return at.asked("/auth/check_jwt") > 1 })
	h.StopDaemon()
	commands(t, h, tokenFor(t, serial))
	if n := elsewhere.connections(); n > 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

func TestSerialWithAPathIsRefused(t *testing.T) {
	h := e2e.Build(t, e2e.Options{Extra: onlyLoopback})
	at := meet(t, "127.0.0.1", &stranger{serial: serial + "/x", firm: "8.2.4345", secure: true})
	edit(t, h, func(text string) string {
		text = strings.Replace(text, h.Sim.Gateway.Addr(), at.address, 1)
		return strings.Replace(text, `"`+serial+`"`, `"`+serial+`/../x"`, 1)
	})
	for _, c := range [][]string{{"run"}, {"read", "-direct"}, {"trust", "-yes"}, {"token", "set"}, {"check"}} {
		if out, code := h.Command("", c[0], c[1:]...); code != 78 || !strings.Contains(out, "gateways[0].serial") {
			t.Errorf("%v ends with %d: %s", c, code, out)
		}
	}
	if out, code := h.Command(tokenFor(t, "122333444555/../x"), "token", "set"); code == 0 {
		t.Errorf("a token for such a serial is taken: %s", out)
	}
	if n := at.connections(); n > 0 {
		t.Errorf("%d connections", n)
	}
}

// edit changes the configuration file.
func edit(t *testing.T, h *e2e.House, change func(string) string) {
	t.Helper()
	text, err := os.ReadFile(h.File)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(string(text))
	if changed == string(text) {
		t.Fatalf("nothing was changed in:\n%s", text)
	}
	if err := os.WriteFile(h.File, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// without leaves out the line that begins so.
func without(text, beginning string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, beginning) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// tokens returns those that the daemon keeps.
func tokens(t *testing.T, h *e2e.House) []string {
	t.Helper()
	var all []string
	files, _ := filepath.Glob(filepath.Join(h.Dir, "state", "tokens", "*"))
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for word := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return strings.ContainsRune("\" \n,:", r) }) {
			if strings.HasPrefix(word, "eyJ") {
				all = append(all, word)
			}
		}
	}
	return all
}
