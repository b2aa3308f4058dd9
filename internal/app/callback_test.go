package app

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/web"
)

// answer is what a browser brings back from the consent for a link.
func answer(l *link) url.Values {
	return url.Values{"link": {l.id}, "state": {l.state}, "code": {"A1B2C3"}}
}

func TestLinkIsGoodOnce(t *testing.T) {
	var g gate
	l := g.newLink()
	if len(l.id) != 32 || len(l.state) != 32 || l.id == l.state {
		t.Errorf("link %q, state %q", l.id, l.state)
	}
	if v := g.visit(answer(l)); v != web.Taken {
		t.Fatalf("first visit: %v", v)
	}
	if v := g.visit(answer(l)); v != web.Closed {
		t.Errorf("second visit: %v", v)
	}
	if q, err := l.wait(t.Context()); err != nil || q.Get("code") != "A1B2C3" {
		t.Errorf("brought %v, %v", q, err)
	}
}

func TestLinkIsGoodForTenMinutes(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		want  web.Visit
	}{
		"after nine minutes it is open":     {9 * time.Minute, web.Taken},
		"after eleven minutes it is closed": {11 * time.Minute, web.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gate
				l := g.newLink()
				time.Sleep(c.after)
				if v := g.visit(answer(l)); v != c.want {
					t.Errorf("visit: %v", v)
				}
			})
		})
	}
}

func TestVisitorsWithoutTheLinkAreRefused(t *testing.T) {
	var g gate
	l := g.newLink()
	for name, change := range map[string]func(q url.Values){
		"a wrong state": func(q url.Values) { q.Set("state", strings.Repeat("0", 32)) },
		"no state":      func(q url.Values) { q.Del("state") },
		"a wrong link":  func(q url.Values) { q.Set("link", l.state) },
		"no link":       func(q url.Values) { q.Del("link") },
	} {
		t.Run(name, func(t *testing.T) {
			q := answer(l)
			change(q)
			if v := g.visit(q); v != web.Closed {
				t.Errorf("visit: %v", v)
			}
		})
	}
	if v := g.visit(answer(l)); v != web.Taken {
		t.Errorf("the owner after them: %v", v)
	}
}

func TestGateIsShutWithoutACommand(t *testing.T) {
	var g gate
	if v := g.visit(url.Values{"link": {""}, "state": {""}, "code": {"x"}}); v != web.Closed {
		t.Errorf("before: %v", v)
	}
	gone, l := g.newLink(), g.newLink()
	if v := g.visit(answer(gone)); v != web.Closed {
		t.Errorf("an older link: %v", v)
	}
	g.shut(gone) // must leave the newer one alone
	if v := g.visit(answer(l)); v != web.Taken {
		t.Errorf("the newer link: %v", v)
	}
	left := g.newLink()
	g.shut(left)
	if v := g.visit(answer(left)); v != web.Closed {
		t.Errorf("after the command: %v", v)
	}
}

func TestRefusalEndsTheWait(t *testing.T) {
	for _, q := range []url.Values{{"error": {"access_denied"}}, {}, {"error": {"x"}, "code": {"y"}}} {
		var g gate
		l := g.newLink()
		q.Set("link", l.id)
		q.Set("state", l.state)
		if v := g.visit(q); v != web.Denied {
			t.Errorf("visit with %v: %v", q, v)
		}
		if _, err := l.wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestNobodyComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		began := time.Now()
		if _, err := g.newLink().wait(t.Context()); !errors.Is(err, errNobodyCame) || time.Since(began) != linkLife {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.newLink().wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestCallbackBase(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8099": "http://127.0.0.1:8099", ":8099": "http://127.0.0.1:8099", "0.0.0.0:80": "http://127.0.0.1:80", "[::]:8099": "http://127.0.0.1:8099",
		"localhost:1": "http://127.0.0.1:1", "192.168.1.5:8099": "http://192.168.1.5:8099", "[fd00::1]:8099": "http://[fd00::1]:8099", "": "",
	} {
		if got, err := callbackBase(listen); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", listen, got, err)
		}
	}
}

func FuzzPasted(f *testing.F) {
	state := strings.Repeat("a", 32)
	f.Add("A1B2C3")
	f.Add(" http://h/oauth/redirect_uri?code=A1B2C3&state=" + state + "\n")
	f.Add("http://h/?error=access_denied")
	f.Add("what now?!")
	f.Fuzz(func(t *testing.T, text string) {
		if code, err := pasted(text, state); err == nil && code == "" {
			t.Errorf("%q gives no code and no error", text)
		}
	})
}
