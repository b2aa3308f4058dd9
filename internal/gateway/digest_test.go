package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/secret"
	"envoyd/internal/trust"
)

const inverters = "/api/v1/production/inverters"

// digestPage is a page for the user envoy; nonce and stale may be changed.
type digestPage struct {
	t          *testing.T
	password   string
	nonce      string
	stale      bool
	challenge  string // overrides
	afterwards string // the challenge to a wrong answer
	taken      []string
}

func (d *digestPage) line() string {
	if d.challenge != "" {
		return d.challenge
	}
	line := `Digest qop="auth", realm="enphaseenergy.com", nonce="` + d.nonce + `"`
	if d.stale {
		line += ", stale=true"
	}
	return line
}

func (d *digestPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := r.Header.Get("Authorization")
	field := func(name string) string {
		_, after, _ := strings.Cut(got, name+`="`)
		value, _, _ := strings.Cut(after, `"`)
		return value
	}
	var count uint32
	_, after, _ := strings.Cut(got, "nc=")
	_, _ = fmt.Sscanf(after, "%08x", &count)
	want := gateway.DigestAnswer([]string{d.line()}, r.Method, r.RequestURI, d.password, count, field("cnonce"))
	if got != "" && got == want {
		d.taken = append(d.taken, fmt.Sprintf("%s %d", d.nonce, count))
		_, _ = fmt.Fprint(w, "[]")
		return
	}
	line := d.line()
	if got != "" && d.afterwards != "" {
		line = d.afterwards
	}
	w.Header().Set("WWW-Authenticate", line)
	deny(w, r)
}

func legacy(t *testing.T, d *digestPage, change func(*gateway.Config)) (*fake, *gateway.Client) {
	t.Helper()
	f := newFake(t, "5.0.62")
	f.page(inverters, d.ServeHTTP)
	f.page("/production.json", answers(200, "{}"))
	c := newClient(t, func(cfg *gateway.Config) {
		noToken(cfg)
		if change != nil {
			change(cfg)
		}
	})
	connect(t, c, f.address)
	return f, c
}

// The example of RFC 2617 section 3.5, with the user and realm of a gateway,
// computed with another implementation.
func TestDigestAnswer(t *testing.T) {
	line := `Digest realm="enphaseenergy.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`
	got := gateway.DigestAnswer([]string{line}, "GET", "/dir/index.html", "444555", 1, "0a4f113b")
	want := `Digest username="envoy", realm="enphaseenergy.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", ` +
		`algorithm=MD5, response="7fd08c09b4186f4a5c7744810d3d54ee", qop=auth, nc=00000001, cnonce="0a4f113b", opaque="5ccc069c403ebaf9f0171e9517f40e41"`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDigestOnlyWhereAsked(t *testing.T) {
	d := &digestPage{t: t, password: "444555", nonce: "1694046744"}
	f, c := legacy(t, d, nil)
	for range 3 {
		for _, path := range []string{inverters, "/production.json"} {
			if _, err := c.Get(t.Context(), path, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff([]string{"1694046744 1", "1694046744 2", "1694046744 3"}, d.taken); diff != "" {
		t.Error("the nonce is kept and its requests are counted:", diff)
	}
	if n := len(f.told(inverters)); n != 4 {
		t.Errorf("%d requests, want one 401 and three answers", n)
	}
	for _, r := range append(f.told("/production.json"), f.told("/info")...) {
		if r.header.Get("Authorization") != "" {
			t.Errorf("%s was sent a digest nobody asked for", r.path)
		}
	}
	if f.conns > 4 { // two, one of them an attempt at HTTPS; a loaded machine may give one up
		t.Errorf("%d connections", f.conns)
	}
}

func TestDigestNonceGrowsOld(t *testing.T) {
	d := &digestPage{t: t, password: "444555", nonce: "n1"}
	_, c := legacy(t, d, nil)
	get := func() {
		t.Helper()
		if _, err := c.Get(t.Context(), inverters, false); err != nil {
			t.Fatal(err)
		}
	}
	get()
	d.nonce, d.stale = "n2", true
	get()
	d.nonce, d.stale = "n3", false // some say nothing of stale
	get()
	if diff := cmp.Diff([]string{"n1 1", "n2 1", "n3 1"}, d.taken); diff != "" {
		t.Error(diff)
	}
}

func TestDigestStaleForEverIsGivenUp(t *testing.T) {
	d := &digestPage{t: t, password: "other", nonce: "n1", stale: true}
	f, c := legacy(t, d, nil)
	if _, err := c.Get(t.Context(), inverters, false); !errors.Is(err, gateway.ErrPassword) {
		t.Error(err)
	}
	if n := len(f.told(inverters)); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestDigestRefusals(t *testing.T) {
	odd := "\u00d8\u00c9\u00c6A" // firmware 3.9.36 after a wrong password
	tests := map[string]struct {
		page *digestPage
		want error
		kind fault.Kind
		sent bool
	}{
		"wrong password":            {&digestPage{password: "x", nonce: "n"}, gateway.ErrPassword, fault.Auth, true},
		"wrong password on 3.9.36":  {&digestPage{password: "x", nonce: "n", afterwards: odd}, gateway.ErrPassword, fault.Auth, true},
		"unreadable from the start": {&digestPage{challenge: odd}, gateway.ErrChallenge, fault.Auth, false},
		"Basic":                     {&digestPage{challenge: `Basic realm="enphaseenergy.com"`}, gateway.ErrChallenge, fault.Auth, false},
		"another realm":             {&digestPage{challenge: `Digest qop="auth", realm="evil.example", nonce="n"`}, gateway.ErrChallenge, fault.Security, false},
		"realm in other case":       {&digestPage{challenge: `Digest qop="auth", realm="EnphaseEnergy.com", nonce="n"`}, gateway.ErrChallenge, fault.Security, false},
		"without qop":               {&digestPage{challenge: `Digest realm="enphaseenergy.com", nonce="n"`}, gateway.ErrChallenge, fault.Auth, false},
		"auth-int only":             {&digestPage{challenge: `Digest qop="auth-int", realm="enphaseenergy.com", nonce="n"`}, gateway.ErrChallenge, fault.Auth, false},
		"SHA-256":                   {&digestPage{challenge: `Digest algorithm=SHA-256, qop="auth", realm="enphaseenergy.com", nonce="n"`}, gateway.ErrChallenge, fault.Auth, false},
		"nonce that breaks out":     {&digestPage{challenge: `Digest qop="auth", realm="enphaseenergy.com", nonce="a\", x=\"b"`}, gateway.ErrChallenge, fault.Auth, false},
		"no nonce":                  {&digestPage{challenge: `Digest qop="auth", realm="enphaseenergy.com"`}, gateway.ErrChallenge, fault.Auth, false},
		"endless nonce":             {&digestPage{challenge: `Digest qop="auth", realm="enphaseenergy.com", nonce="` + strings.Repeat("n", 300) + `"`}, gateway.ErrChallenge, fault.Auth, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.page.t = t
			f, c := legacy(t, tt.page, nil)
			_, err := c.Get(t.Context(), inverters, false)
			if !errors.Is(err, tt.want) || !fault.Is(err, tt.kind) {
				t.Errorf("got %v of kind %v", err, fault.KindOf(err))
			}
			if asked := len(f.told(inverters)); asked > 2 {
				t.Errorf("asked %d times: a refused password is not tried again", asked)
			}
			if sent := len(f.secrets()) > 0; sent != tt.sent {
				t.Errorf("digest sent: %v", f.secrets())
			}
			if tt.kind == fault.Auth && tt.sent && !strings.Contains(fault.Mend(err), "password") {
				t.Errorf("mend: %q", fault.Mend(err))
			}
		})
	}
}

// /ivp/meters of 3.18.10 and /production of 5.0.62 refuse even a good password.
func TestPageThatIsNotForTheUser(t *testing.T) {
	d := &digestPage{t: t, password: "444555", nonce: "n"}
	f, c := legacy(t, d, nil)
	f.page("/ivp/meters", (&digestPage{t: t, password: "another", nonce: "n"}).ServeHTTP)
	f.page("/home", deny)
	for _, path := range []string{"/ivp/meters", "/home"} {
		if _, err := c.Get(t.Context(), path, false); !fault.Is(err, fault.Unsupported) || !errors.Is(err, gateway.ErrNotAllowed) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := c.Get(t.Context(), inverters, false); err != nil {
		t.Error(err)
	}
}

func TestConfiguredPassword(t *testing.T) {
	d := &digestPage{t: t, password: "geheim", nonce: "n"}
	_, c := legacy(t, d, func(cfg *gateway.Config) { cfg.Password = secret.New("geheim") })
	if _, err := c.Get(t.Context(), inverters, false); err != nil {
		t.Error(err)
	}
}

// A token that is pasted while the gateway is spoken to by plain HTTP ends that
// at once.
func TestTokenEndsPlainHTTP(t *testing.T) {
	var token secret.Text
	book := trust.Memory()
	d := &digestPage{t: t, password: "444555", nonce: "n"}
	f, c := legacy(t, d, func(cfg *gateway.Config) {
		cfg.Book, cfg.Token = book, func() secret.Text { return token }
	})
	if _, err := c.Get(t.Context(), inverters, false); err != nil {
		t.Fatal(err)
	}
	token = jwt(serial)
	f.set(func() { f.seen = nil })
	if _, err := c.Get(t.Context(), "/production.json", false); !errors.Is(err, gateway.ErrPlainHTTP) || !fault.Is(err, fault.Transient) {
		t.Error(err)
	}
	if len(f.seen) != 0 {
		t.Error("asked by plain HTTP nevertheless")
	}
}

// The firmware was updated to 7 and port 80 still answers.
func TestNewFirmwareEndsPlainHTTP(t *testing.T) {
	book := trust.Memory()
	d := &digestPage{t: t, password: "444555", nonce: "n"}
	f, c := legacy(t, d, func(cfg *gateway.Config) { cfg.Book = book })
	f.set(func() { f.firmware = "7.3.130" })
	if _, err := c.Info(t.Context()); !errors.Is(err, gateway.ErrPlainHTTP) {
		t.Error(err)
	}
	if e, _ := book.Get(serial); !e.HTTPS {
		t.Error("not remembered as one that speaks HTTPS")
	}
	f.set(func() { f.firmware = "5.0.62" })
	if err := try(t, c, f.address); err == nil {
		t.Error("spoken to by plain HTTP again")
	}
	nothingLeaked(t, f)
}

func TestParseChallenge(t *testing.T) {
	want := gateway.Challenge{Realm: "enphaseenergy.com", Nonce: "Td4AZZWMIuPzNdOwn+N1MAFCm9k=", QOP: "auth", Stale: true}
	for _, lines := range [][]string{
		{`Digest qop="auth", realm="enphaseenergy.com", nonce="Td4AZZWMIuPzNdOwn+N1MAFCm9k=", stale=TRUE`},
		{`digest QOP=auth,Realm="enphase\energy.com" , nonce = "Td4AZZWMIuPzNdOwn+N1MAFCm9k=",, stale="true"`},
		{`Basic realm="x"`, `Digest nonce="Td4AZZWMIuPzNdOwn+N1MAFCm9k=", stale=true, qop="auth", realm="enphaseenergy.com"`},
		{`Basic realm="x", Negotiate, Digest nonce="Td4AZZWMIuPzNdOwn+N1MAFCm9k=", stale=true, qop="auth", realm="enphaseenergy.com", Bearer`},
	} {
		got, err := gateway.ParseChallenge(lines)
		if err != nil {
			t.Errorf("%q: %v", lines, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(lines, diff)
		}
	}
	for _, lines := range [][]string{nil, {""}, {"\u00d8\u00c9\u00c6A"}, {`Digest nonce="open`}, {"Basic"}, {", ,"}, {`Digest nonce=`}} {
		if got, err := gateway.ParseChallenge(lines); err == nil {
			t.Errorf("%q read as %+v", lines, got)
		}
	}
}

func FuzzParseChallenge(f *testing.F) {
	for _, s := range []string{
		`Digest qop="auth", realm="enphaseenergy.com", nonce="1694046744"`, "\u00d8\u00c9\u00c6A", `Basic realm="x", Digest a=b`,
		`Digest nonce="\`, `Digest realm="enphaseenergy.com", qop=auth, nonce="a\"b"`, `Digest opaque="é"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		lines := []string{s}
		if gateway.Acceptable(lines) != nil {
			return
		}
		answer := gateway.DigestAnswer(lines, "GET", inverters, "444555", 1, "c")
		if strings.ContainsAny(answer, "\r\n\x00\\") || strings.Count(answer, `"`)%2 != 0 || !strings.Contains(answer, `realm="enphaseenergy.com"`) {
			t.Errorf("%q makes the header %q", s, answer)
		}
	})
}
