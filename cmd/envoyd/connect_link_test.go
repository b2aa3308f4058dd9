package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"envoyd/internal/e2e"
	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"

	"github.com/chromedp/chromedp"
)

// visit asks the way back as a browser would and returns what it shows.
func visit(t *testing.T, address string) (code int, page string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestLinkGoesWithItsCommand(t *testing.T) {
	h := cloudHouse(t)
	h.StartDaemon()
	c := typing(t, h, "connect", "enlighten", "-browser")
	back := wayBack(t, c.address())
	second := typing(t, h, "connect", "enlighten", "-browser")
	if text := second.ends(exitFailed); !strings.Contains(text, "another envoyd connect is waiting") {
		t.Errorf("said %s", text)
	}
	c.stop()
	c.ends(exitFailed)
	h.Wait("the daemon to let go", func() bool {
		third := typing(t, h, "connect", "enlighten")
		defer third.stop()
		h.Wait("an answer", func() bool { return len(third.exit) > 0 || strings.Contains(third.said.String(), "approve:") })
		return len(third.exit) == 0
	})
	if code, page := visit(t, back.String()); code != http.StatusForbidden || !strings.Contains(page, "This link is not open") {
		t.Errorf("after the command: %d %s", code, page)
	}
}

func TestTheWayBackNeedsThePagesAddress(t *testing.T) {
	t.Run("switched off", func(t *testing.T) {
		h := cloudHouse(t)
		change(t, h, `listen: "`+strings.TrimPrefix(h.Page, "http://")+`"`, `listen: ""`)
		if text := typing(t, h, "connect", "enlighten", "-browser").ends(exitFailed); !strings.Contains(text, "Set http.listen, or run envoyd connect enlighten without -browser") {
			t.Errorf("said %s", text)
		}
	})
	t.Run("taken", func(t *testing.T) {
		h := cloudHouse(t)
		l, err := net.Listen("tcp", strings.TrimPrefix(h.Page, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() //nolint:errcheck // only in the way
		if text := typing(t, h, "connect", "enlighten", "-browser").ends(exitFailed); !strings.Contains(text, "change http.listen") {
			t.Errorf("said %s", text)
		}
	})
}

func TestPageNeverBeginsAGrant(t *testing.T) {
	h := cloudHouse(t)
	h.StartDaemon()
	for _, path := range []string{"/connect/callback", "/connect/callback?code=A1B2C3", "/connect/callback?link=&state=&code=A1B2C3"} {
		if code, page := visit(t, h.Page+path); code != http.StatusForbidden || !strings.Contains(page, "envoyd connect enlighten") {
			t.Errorf("%s: %d %s", path, code, page)
		}
	}
	for _, path := range []string{"/connect", "/connect/", "/control/connect", "/control/cloud/check"} {
		if code, _ := visit(t, h.Page+path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	if h.Sim.Cloud.TokenCalls() != 0 || granted(h) {
		t.Error("something was begun")
	}
}

func TestFromThePrintedLinkToTheFirstCloudReading(t *testing.T) {
	browser := chromium(t)
	h := e2e.Build(t, e2e.Options{Sim: sim.Config{API: application()}, Extra: "cloud: {after: 10s, enlighten: {" + applicationKeys + "}}\n"})
	h.StartDaemon()
	h.Fresh()
	c := typing(t, h, "connect", "enlighten", "-browser")
	logIn(t, browser, c.address())
	browse(t, browser, chromedp.Click(chromedp.Search("#approve")))
	awaitVisit(t, browser, "envoyd has your answer")
	c.ends(exitOK)
	h.Sim.Fault(fault.Refuse, fault.Options{})
	r := h.Until("a reading from the cloud", func(r *reading.Reading) bool { return r.Source == reading.Enlighten })
	if _, ok := r.Power.ProductionW.Get(); !ok {
		t.Errorf("reading %+v", r)
	}
	if text := h.Get("/metrics"); !strings.Contains(text, `envoyd_cloud_calls{purpose="fallback"} 1`) || !strings.Contains(text, `envoyd_cloud_calls_limit{period="month"} 1000`) {
		t.Error("the metrics do not tell of the calls")
	}
	if text := h.Get("/api/v1/gateways"); !strings.Contains(text, `"month_limit":1000`) {
		t.Errorf("the page does not know of the calls: %s", text)
	}
	h.Sim.Cloud.Revoke()
	h.Sim.Cloud.Expire(true)
	typing(t, h, "check").ends(exitFailed)
	ended := h.Condition("cloud/enlighten")
	if ended.State != "red" || !strings.Contains(ended.Mend, "envoyd connect enlighten") {
		t.Errorf("after the owner withdrew the consent: %+v", ended)
	}
}
