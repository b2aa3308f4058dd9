package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"envoyd/internal/status"
	"envoyd/internal/web"
)

func TestCallbackShowsAPageAndNothingOfTheVisitor(t *testing.T) {
	for name, c := range map[string]struct {
		visit web.Visit
		code  int
		says  string
	}{
		"taken":  {web.Taken, http.StatusOK, "envoyd has your answer"},
		"denied": {web.Denied, http.StatusOK, "Access was not granted"},
		"closed": {web.Closed, http.StatusForbidden, "This link is not open"},
	} {
		t.Run(name, func(t *testing.T) {
			var got url.Values
			h := newHouse(func(cfg *web.Config) { cfg.Connect = func(q url.Values) web.Visit { got = q; return c.visit } })
			answer, body := h.visitor(t).get("/connect/callback?link=aa&state=bb&code=%3Cb%3Eevil")
			if answer.StatusCode != c.code || !strings.Contains(body, c.says) {
				t.Errorf("%d %s", answer.StatusCode, body)
			}
			if strings.Contains(body, "evil") || answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%v %s", answer.Header, body)
			}
			if got.Get("link") != "aa" || got.Get("state") != "bb" || got.Get("code") != "<b>evil" {
				t.Errorf("handed on %v", got)
			}
		})
	}
}

func TestCallbackIsClosedUnlessALinkIsOpen(t *testing.T) {
	for _, query := range []string{"", "?link=aa&state=bb&code=cc", "?code=%zz"} {
		if answer, body := newHouse(nil).visitor(t).get("/connect/callback" + query); answer.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %d %s", query, answer.StatusCode, body)
		}
	}
}

func TestCallbackTakesNoVisitorButABrowserOfOurName(t *testing.T) {
	h := newHouse(func(cfg *web.Config) {
		cfg.Connect = func(url.Values) web.Visit { t.Error("something was taken"); return web.Taken }
	})
	v := h.visitor(t)
	for _, c := range []struct {
		method, host string
		code         int
	}{
		{http.MethodHead, "", http.StatusMethodNotAllowed},
		{http.MethodPost, "", http.StatusMethodNotAllowed},
		{http.MethodGet, "evil.example", http.StatusMisdirectedRequest},
	} {
		if answer, _ := v.ask(c.method, "/connect/callback?link=aa&state=bb&code=cc", c.host); answer.StatusCode != c.code {
			t.Errorf("%s as %q: %d", c.method, c.host, answer.StatusCode)
		}
	}
	answer := httptest.NewRecorder() // the socket has no guard before it
	h.server.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodHead, "/connect/callback?link=aa", http.NoBody))
	if answer.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD on the socket: %d", answer.Code)
	}
}

func TestPageShowsTheCommandThatConnects(t *testing.T) {
	h := newHouse(nil)
	h.board.Set("cloud/enlighten", status.Yellow, "access to the Enlighten cloud was not granted yet", "Run envoyd connect enlighten.")
	h.hub.Publish(bare(home, "Home", time.Now()))
	b := openBrowser(t)
	b.open(t, h.serve(t))
	b.await(t, "#health li[data-state=yellow] code", "envoyd connect enlighten")
	b.await(t, "#health li[data-state=yellow] .title", "Cloud enlighten")
	b.await(t, "#facts", "37 of 1,000")
	if b.is(t, `document.querySelector('a[href*="connect"], a[href*="authorize"], form, #health button')`) {
		t.Error("the page can start a grant")
	}
}

func TestCallbackPageInABrowser(t *testing.T) {
	h := newHouse(func(cfg *web.Config) { cfg.Connect = func(url.Values) web.Visit { return web.Taken } })
	address := h.serve(t)
	b := openBrowser(t)
	b.window(t, 390, 844, "light")
	b.open(t, address+"/connect/callback?link=aa&state=bb&code=cc")
	b.await(t, "#visit", "envoyd has your answer")
	if said := b.complaints(); len(said) > 0 {
		t.Errorf("the console has errors: %q", said)
	}
	b.picture(t, "callback")
}
