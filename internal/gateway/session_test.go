package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/secret"
	"envoyd/internal/trust"
)

const checkJWT = "/auth/check_jwt"

func TestTokenAndCookieGoWithEachRequest(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, "\r\n [{}]"))
	f.page("/ivp/livedata/stream", answers(200, `{"sc_stream":"enabled"}`))
	c := newClient(t, nil)
	connect(t, c, f.address)
	for range 3 {
		a, err := c.Get(t.Context(), meters, false)
		if err != nil {
			t.Fatal(err)
		}
		if string(a.Body) != "[{}]" || a.Path != meters || a.Firmware != "8.2.4345" || a.Latency <= 0 || a.Received.IsZero() {
			t.Errorf("got %+v", a)
		}
	}
	if err := c.EnableLive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(f.told(checkJWT)); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	for _, r := range append(f.told(meters), f.told("/ivp/livedata/stream")...) {
		if r.header.Get("Authorization") != "Bearer "+jwt(serial).Reveal() || r.header.Get("Cookie") != "sessionId="+cookie {
			t.Errorf("%s %s with %v", r.method, r.path, r.header)
		}
	}
	if live := f.told("/ivp/livedata/stream")[0]; live.method != "POST" || live.body != `{"enable":1}` {
		t.Errorf("got %s %s", live.method, live.body)
	}
	if f.conns > 2 { // one, but a loaded machine may give it up
		t.Errorf("%d connections", f.conns)
	}
}

const late = "/ivp/late"

// forgets makes two pages that want the newest of the cookies it has given.
func forgets(f *fake) (forget func()) {
	logins, good := 0, ""
	f.page(checkJWT, func(w http.ResponseWriter, _ *http.Request) {
		logins++
		good = fmt.Sprintf("sessionId=s%d", logins)
		w.Header().Set("Set-Cookie", good+"; Path=/; Secure; HttpOnly")
	})
	guarded := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != good {
			deny(w, r)
			return
		}
		_, _ = fmt.Fprint(w, "[]")
	}
	f.page(meters, guarded)
	f.page(late, guarded)
	return func() { good = "none" }
}

func TestLostSessionIsRenewedOnce(t *testing.T) {
	f := newFake(t, "7.0.88")
	forget := forgets(f)
	c := newClient(t, nil)
	connect(t, c, f.address)
	for range 2 {
		if _, err := c.Get(t.Context(), meters, false); err != nil {
			t.Fatal(err)
		}
		forget()
	}
	if logins, asked := len(f.told(checkJWT)), len(f.told(meters)); logins != 2 || asked != 3 {
		t.Errorf("%d logins, %d requests", logins, asked)
	}
}

// A role that is too low meets many pages it may not see. Each would cost the
// gateway a login, were it not known that the last one was good.
func TestPagesThatRefuseDoNotEachCostALogin(t *testing.T) {
	f := newFake(t, "8.2.4345")
	c := newClient(t, nil)
	connect(t, c, f.address)
	round := func() {
		t.Helper()
		for i := range 17 {
			path := fmt.Sprintf("/ivp/%d", i)
			f.page(path, deny)
			if _, err := c.Get(t.Context(), path, false); !errors.Is(err, gateway.ErrNotAllowed) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	round()
	if n := len(f.told(checkJWT)); n != 1 {
		t.Errorf("%d logins for 17 pages that refuse, want 1", n)
	}
	c.AgeSession(time.Minute)
	round()
	if n := len(f.told(checkJWT)); n != 2 {
		t.Errorf("%d logins after a minute, want 2", n)
	}
	if n := len(f.told("/ivp/0")); n != 3 {
		t.Errorf("the first page was asked %d times, want 3: again after the new login", n)
	}
}

// A gateway that restarts right after a login forgets it. What is then asked
// for the first time must not count as forbidden: it would be left out for a day.
func TestASessionLostRightAfterTheLoginIsNotTakenForALowRole(t *testing.T) {
	f := newFake(t, "7.0.88")
	forget := forgets(f)
	f.page("/ivp/never", deny)
	c := newClient(t, nil)
	connect(t, c, f.address)
	if _, err := c.Get(t.Context(), meters, false); err != nil {
		t.Fatal(err)
	}
	forget()
	if _, err := c.Get(t.Context(), late, false); err != nil {
		t.Errorf("a page of the lost session: %v", err)
	}
	if _, err := c.Get(t.Context(), "/ivp/never", false); !errors.Is(err, gateway.ErrNotAllowed) {
		t.Errorf("a forbidden page: %v", err)
	}
	if n := len(f.told(checkJWT)); n != 2 {
		t.Errorf("%d logins, want 2: none for the page that is forbidden", n)
	}
}

// A page that was not asked yet cannot tell a lost session from a low role, but
// a session that is not fresh is renewed for it too.
func TestLostSessionIsRenewedForANewPageLater(t *testing.T) {
	f := newFake(t, "7.0.88")
	forget := forgets(f)
	c := newClient(t, nil)
	connect(t, c, f.address)
	f.page("/first", answers(200, "[]"))
	if _, err := c.Get(t.Context(), "/first", false); err != nil {
		t.Fatal(err)
	}
	forget()
	c.AgeSession(time.Minute)
	if _, err := c.Get(t.Context(), meters, false); err != nil {
		t.Error(err)
	}
}

func TestSessionOutlivesTheConnection(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, "[]"))
	c := newClient(t, nil)
	connect(t, c, f.address)
	for range 2 {
		if _, err := c.Get(t.Context(), meters, false); err != nil {
			t.Fatal(err)
		}
		f.cut()
	}
	if logins, infos := len(f.told(checkJWT)), len(f.told("/info")); logins != 1 || infos < 2 {
		t.Errorf("%d logins and %d times /info over two connections", logins, infos)
	}
}

// Both keys pass, but the cookie is from the first.
func TestCookieStaysWithItsKey(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, "[]"))
	other := newCert(t, nil, time.Now().AddDate(1, 0, 0))
	c := newClient(t, func(cfg *gateway.Config) {
		cfg.Pins = []string{trust.KeyOf(f.cert.Leaf).SHA256, trust.KeyOf(other.Leaf).SHA256}
	})
	connect(t, c, f.address)
	for range 2 {
		if _, err := c.Get(t.Context(), meters, false); err != nil {
			t.Fatal(err)
		}
		f.show(other)
		f.cut()
	}
	told := f.told(meters)
	if told[0].header.Get("Cookie") == "" || told[1].header.Get("Cookie") != "" {
		t.Errorf("got %v, then %v", told[0].header, told[1].header)
	}
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		page, login http.HandlerFunc
		kind        fault.Kind
		want        error
		logins      int
	}{
		"role too low":                  {page: deny, kind: fault.Unsupported, want: gateway.ErrNotAllowed, logins: 1},
		"forbidden":                     {page: answers(403, ""), kind: fault.Unsupported, want: gateway.ErrNotAllowed, logins: 1},
		"token refused":                 {login: deny, kind: fault.Auth, want: gateway.ErrTokenRefused, logins: 1},
		"login page is HTML of another": {login: answers(200, "<h2>Invalid token</h2>"), kind: fault.Transient, logins: 1},
		"login not there":               {login: answers(404, ""), kind: fault.Transient, logins: 1},
		"login forbidden":               {login: answers(403, ""), kind: fault.Transient, logins: 1},
		"login redirects":               {login: answers(302, "Valid token"), kind: fault.Transient, logins: 1},
		"login busy":                    {login: answers(503, ""), kind: fault.Transient, logins: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "8.2.4345")
			f.page(meters, answers(200, "[]"))
			if tt.page != nil {
				f.page(meters, tt.page)
			}
			if tt.login != nil {
				f.page(checkJWT, tt.login)
			}
			c := newClient(t, nil)
			connect(t, c, f.address)
			_, err := c.Get(t.Context(), meters, false)
			if !fault.Is(err, tt.kind) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v of kind %v", err, fault.KindOf(err))
			}
			if n := len(f.told(checkJWT)); n != tt.logins {
				t.Errorf("%d logins, want %d", n, tt.logins)
			}
		})
	}
}

func TestSentenceAloneIsALogin(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(checkJWT, answers(200, "<!DOCTYPE html><h2>Valid token.</h2>\n"))
	f.page(meters, answers(200, "[]"))
	c := newClient(t, nil)
	connect(t, c, f.address)
	if _, err := c.Get(t.Context(), meters, false); err != nil {
		t.Fatal(err)
	}
	if got := f.told(meters)[0].header; got.Get("Cookie") != "" || got.Get("Authorization") == "" {
		t.Errorf("got %v", got)
	}
}

func TestNoToken(t *testing.T) {
	f := newFake(t, "8.2.4345")
	c := newClient(t, noToken)
	connect(t, c, f.address)
	_, err := c.Get(t.Context(), meters, false)
	if !errors.Is(err, gateway.ErrNoToken) || !fault.Is(err, fault.Auth) || !strings.Contains(fault.Mend(err), "envoyd token") {
		t.Errorf("got %v, mend %q", err, fault.Mend(err))
	}
}

func TestNewTokenMeansNewSession(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, "[]"))
	token := jwt(serial)
	c := newClient(t, func(cfg *gateway.Config) { cfg.Token = func() secret.Text { return token } })
	connect(t, c, f.address)
	for range 2 {
		if _, err := c.Get(t.Context(), meters, false); err != nil {
			t.Fatal(err)
		}
		token = jwt([]string{serial, "more"})
	}
	var sent []string
	for _, r := range f.told(checkJWT) {
		sent = append(sent, r.header.Get("Authorization"))
	}
	want := []string{"Bearer " + jwt(serial).Reveal(), "Bearer " + token.Reveal()}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
}

func TestCheckToken(t *testing.T) {
	f := newFake(t, "8.2.4345")
	c := newClient(t, noToken)
	connect(t, c, f.address)
	if err := c.CheckToken(t.Context(), jwt(serial)); err != nil {
		t.Error(err)
	}
	if err := c.CheckToken(t.Context(), jwt("1")); !errors.Is(err, gateway.ErrTokenForeign) {
		t.Error(err)
	}
	f.page(checkJWT, deny)
	if err := c.CheckToken(t.Context(), jwt(serial)); !errors.Is(err, gateway.ErrTokenRefused) || !fault.Is(err, fault.Auth) {
		t.Error(err)
	}
	old := newFake(t, "5.0.62")
	legacy := newClient(t, noToken)
	connect(t, legacy, old.address)
	if err := legacy.CheckToken(t.Context(), jwt(serial)); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
	nothingLeaked(t, old)
}

func TestRefusedTokenMentionsAWrongClock(t *testing.T) {
	f := newFake(t, "8.2.4345")
	late := strings.Replace(infoXML(serial, "8.2.4345"), fmt.Sprint(time.Now().Unix()), fmt.Sprint(time.Now().Add(-time.Hour).Unix()), 1)
	f.page("/info", answers(200, late))
	f.page(checkJWT, deny)
	c := newClient(t, nil)
	connect(t, c, f.address)
	if _, err := c.Get(t.Context(), meters, false); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Error(err)
	}
}

func TestAudience(t *testing.T) {
	for _, bad := range []string{"", "..", "a.b", "a.b.c", "not a token", "eyJ.eyJ.", jwt(7).Reveal(), jwt(serial).Reveal() + "=", jwt(serial).Reveal() + " x"} {
		if aud, ok := gateway.Audience(bad); ok {
			t.Errorf("%q: %q", bad, aud)
		}
	}
	if aud, ok := gateway.Audience(jwt([]string{"a", serial}).Reveal()); !ok || len(aud) != 2 {
		t.Error(aud, ok)
	}
}

func TestFirmwareChangeIsNoticed(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, "[]"))
	book := trust.Memory()
	c := newClient(t, func(cfg *gateway.Config) { cfg.Book = book })
	first := connect(t, c, f.address)
	f.set(func() { f.firmware = "8.3.5169" })
	info, err := c.Info(t.Context())
	if err != nil || info.Firmware != "8.3.5169" || first.Firmware != "8.2.4345" {
		t.Errorf("%q, then %q, %v", first.Firmware, info.Firmware, err)
	}
	f.set(func() { f.firmware = "8.3.5289" })
	f.cut()
	if a, err := c.Get(t.Context(), meters, false); err != nil || a.Firmware != "8.3.5289" {
		t.Errorf("%q, %v: a new connection brings the new firmware along", a.Firmware, err)
	}
	f.page("/later", answers(200, "[]"))
	before, _ := book.Get(serial)
	a, err := c.Get(t.Context(), "/later", false)
	if e, _ := book.Get(serial); err != nil || !e.Pins[0].LastSeen.Equal(a.Received) || !a.Received.After(before.Pins[0].LastSeen) {
		t.Errorf("the key was last seen at %s, not %s: %v", e.Pins[0].LastSeen, a.Received, err)
	}
	if e, _ := book.Get(serial); e.Firmware != "8.3.5289" || e.Address != f.address || !e.HTTPS {
		t.Errorf("remembered %+v", e)
	}
}
