package web_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/status"
	"envoyd/internal/web"

	"github.com/chromedp/chromedp"
)

var devices = []struct {
	name          string
	width, height int64
	colours       string
}{
	{"phone-light", 390, 844, "light"},
	{"phone-dark", 390, 844, "dark"},
	{"desktop-light", 1280, 800, "light"},
	{"desktop-dark", 1280, 800, "dark"},
}

// busy fills the board as a running daemon does.
func busy(h *house) {
	h.board.Set("store", status.Green, "history since 2026-05-02", "")
	h.board.Set("gateway/"+home, status.Green, "answers at 192.0.2.7 with firmware 8.2.4345", "")
	h.board.Set("readings/"+home, status.Green, "measurements arrive", "")
	h.board.Set("mqtt", status.Yellow, "the broker at 192.0.2.9:1883 refuses the connection", "Check that the broker runs, and mqtt.url.")
	h.board.Set("token/"+home, status.Red, "There is no token for gateway "+home+".",
		"Set account.username and account.password_file, or paste a token with envoyd token set, or run envoyd token login.")
}

func TestPageOnEveryDevice(t *testing.T) {
	h := newHouse(nil)
	busy(h)
	address := h.serve(t)
	b := openBrowser(t)
	for _, d := range devices {
		t.Run(d.name, func(t *testing.T) {
			h.hub.Publish(measured(home, "Home", time.Now(), 4321))
			b.window(t, d.width, d.height, d.colours)
			b.open(t, address)
			b.await(t, ".tile.production .number", "4.32")
			b.await(t, ".tile.grid", "exporting")
			b.await(t, ".tile.battery", "charging · 55 % full")
			b.await(t, ".tile.production", "13.44 kWh today")
			b.await(t, "#days-table", "24.0")
			h.hub.Publish(measured(home, "Home", time.Now(), 4450))
			b.await(t, ".tile.production .number", "4.45")
			b.await(t, ".flow .place.production .value", "4.45 kW")
			if !b.is(t, "document.querySelector('.curve-line.production')?.getAttribute('d').length > 500") {
				t.Error("the curve of today is not drawn")
			}
			if !b.is(t, "document.documentElement.scrollWidth <= innerWidth") {
				t.Error("the page scrolls sideways")
			}
			b.picture(t, d.name)
		})
	}
	if said := b.complaints(); len(said) > 0 {
		t.Errorf("the console has errors: %q", said)
	}
}

func TestPageMarksWhatIsOld(t *testing.T) {
	h := newHouse(nil)
	busy(h)
	b := openBrowser(t)
	b.window(t, 1280, 800, "light")
	old := measured(home, "Home", time.Now().Add(-5*time.Minute), 4321)
	h.hub.Publish(old)
	b.open(t, h.serve(t))
	b.await(t, "#age", "5 min ago")
	b.await(t, "#days-table", "24.0")

	stale := *old
	stale.Quality = reading.Stale
	h.hub.Publish(&stale)
	b.await(t, "#age", "stale, 5 min old")
	b.await(t, "#notice", "No new measurement since")
	if b.is(t, "document.querySelector('.dots.running')") {
		t.Error("power still flows in the picture, though its numbers are old")
	}
	if b.is(t, "getComputedStyle(document.querySelector('.tile')).filter === 'none'") {
		t.Error("stale numbers look like fresh ones")
	}
	b.picture(t, "stale")

	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	b.await(t, "#age", " s ago")
	if text := b.text(t, "#notice"); text != "" {
		t.Errorf("notice of a fresh reading: %q", text)
	}
	h.hub.Publish(measured(home, "Home", time.Now().Add(-2*time.Hour), 4321)) // says that it is good
	b.await(t, "#age", "stale, 2 h old")
}

func TestPageSaysWhenTheDaemonIsAway(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	l := listen(t, "127.0.0.1:0")
	address := l.Addr().String()
	stop := h.serveOn(t, l)
	b := openBrowser(t)
	b.window(t, 390, 844, "light")
	b.open(t, address)
	b.await(t, ".tile.production .number", "4.32")
	b.await(t, "#days-table", "24.0")

	stop()
	b.await(t, "#notice", "envoyd does not answer")
	b.await(t, "#age", "away")
	b.picture(t, "away")

	again := newHouse(nil)
	again.hub.Publish(measured(home, "Home", time.Now(), 5000))
	t.Cleanup(again.serveOn(t, listen(t, address)))
	b.await(t, ".tile.production .number", "5.00")
	b.await(t, "#age", " s ago")
}

func TestPageForgetsTheNumbersOfADaemonThatIsNoMore(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	l := listen(t, "127.0.0.1:0")
	stop := h.serveOn(t, l)
	b := openBrowser(t)
	b.window(t, 390, 844, "light")
	b.open(t, l.Addr().String()+"/#%")
	b.await(t, ".tile.production .number", "4.32")
	stop()
	again := newHouse(nil) // at once, and without a reading
	t.Cleanup(again.serveOn(t, listen(t, l.Addr().String())))
	b.await(t, "#waiting", "Waiting for the first reading")
	if text := b.text(t, ".tile.production"); text != "" {
		t.Errorf("still shown: %q", text)
	}
}

func TestPageNeverRunsWhatAGatewaySays(t *testing.T) {
	h := newHouse(nil)
	const name = `<img src=x onerror=document.title='taken'>`
	h.know(gatewayFacts(home, name))
	h.board.Set("discovery", status.Red, name, name+"\n"+name)
	r := measured(home, name, time.Now(), 4321)
	r.Batteries[0].Kind, r.Storage.Mode, r.Inverters[0].Serial = name, name, name
	h.hub.Publish(r)
	b := openBrowser(t)
	b.window(t, 1280, 800, "light")
	b.open(t, h.serve(t))
	b.await(t, "#name", name)
	b.await(t, "#health", name)
	if b.is(t, "document.querySelector('img[src=x]')") || b.is(t, "document.title === 'taken'") {
		t.Error("the gateway's name became HTML")
	}
	if said := b.complaints(); len(said) > 0 {
		t.Errorf("the console has errors: %q", said)
	}
}

// The tests above lean on the console: it has to tell of what is blocked.
func TestConsoleTellsOfWhatIsBlocked(t *testing.T) {
	h := newHouse(nil)
	b := openBrowser(t)
	b.open(t, h.serve(t))
	for _, try := range []string{"document.body.setAttribute('style', 'color: red')", "document.body.innerHTML = '<b>taken</b>'", "import('https://elsewhere.example/x.js')"} {
		before := len(b.complaints())
		ask[bool](t, b, "(() => { try { "+try+" } catch {} return true })()")
		for deadline := time.Now().Add(5 * time.Second); len(b.complaints()) == before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("nothing is said of %s", try)
			}
		}
	}
	if b.is(t, "document.body.textContent.includes('taken')") {
		t.Error("a text became HTML")
	}
}

func TestPageDoesWithoutAStream(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	address := h.serve(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var open []*http.Response
	for range 64 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/api/v1/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		open = append(open, answer)
	}
	b := openBrowser(t)
	b.open(t, address)
	b.await(t, ".tile.production .number", "4.32")
	h.hub.Publish(measured(home, "Home", time.Now(), 4400))
	b.await(t, ".tile.production .number", "4.40")
	_ = open[0].Body.Close()
	b.await(t, "#age", " s ago")
}

func TestPageTellsTheCurveStepByStep(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	b := openBrowser(t)
	b.open(t, h.serve(t))
	b.await(t, "#days-table", "24.0")
	press := func(key string) string {
		return ask[string](t, b, "(() => { const c = document.querySelector('.chart'); c.focus(); "+
			"c.dispatchEvent(new KeyboardEvent('keydown', { key: '"+key+"' })); return c.getAttribute('aria-label') })()")
	}
	if now, before := press("ArrowRight"), press("ArrowLeft"); now == before || !strings.Contains(before, "Production") {
		t.Errorf("the arrow keys tell %q, then %q", now, before)
	}
	b.await(t, ".legend .when", "at ")
	ask[bool](t, b, "(document.querySelector('.chart').dispatchEvent(new FocusEvent('blur')), true)")
	b.await(t, ".legend .when", "now")
}

func TestPageSurvivesTwoThingsOfOneName(t *testing.T) {
	h := newHouse(nil)
	b := openBrowser(t)
	b.window(t, 390, 844, "light")
	b.open(t, h.serve(t))
	for w := range 5 {
		r := measured(home, "Home", time.Now(), float64(100+w))
		for i := range r.Inverters {
			r.Inverters[i].Serial = r.Inverters[0].Serial
		}
		h.hub.Publish(r)
		b.await(t, ".tile.production .number", strconv.Itoa(100+w))
	}
	if n := ask[int](t, b, "document.querySelectorAll('#inverters-list > li').length"); n != 17 {
		t.Errorf("%d inverters are shown, there are 17", n)
	}
}

func TestPageSaysThatThereIsNoHistory(t *testing.T) {
	var broken atomic.Bool
	h := newHouse(func(c *web.Config) {
		c.History = func(ctx context.Context, q web.Query) (web.Series, error) {
			if broken.Load() {
				return web.Series{}, errors.New("disk I/O error")
			}
			return web.Series{Columns: []string{"time"}}, nil
		}
	})
	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	address := h.serve(t)
	b := openBrowser(t)
	b.open(t, address)
	b.await(t, "#past", "begins with the readings of today")
	if b.is(t, "!document.querySelector('.curve-end.production')") {
		t.Error("the curve does not begin with the present power")
	}
	broken.Store(true)
	b.open(t, address)
	b.await(t, "#past", "cannot be read at present")
	b.await(t, ".tile.production .number", "4.32")
}

func TestPageShowsOnlyWhatIsMeasured(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(bare(home, "Home", time.Now()))
	b := openBrowser(t)
	b.window(t, 390, 844, "light")
	b.open(t, h.serve(t))
	b.await(t, ".tile.production .number", "512")
	for _, selector := range []string{".tile.consumption", ".tile.grid", ".tile.battery"} {
		if b.is(t, "document.querySelector('"+selector+"')") {
			t.Errorf("%s is shown, though nobody measures it", selector)
		}
	}
	for _, selector := range []string{"#storage", "#inverters", ".flow .place.grid", ".flow .place.battery"} {
		if text := b.text(t, selector); text != "" {
			t.Errorf("%s shows %q, though nobody measures it", selector, text)
		}
	}
	if text := b.text(t, ".tile.production .today"); text != "" {
		t.Errorf("today is shown as %q, though it is not known", text)
	}
	b.picture(t, "bare")
}

func TestPageLetsChooseAmongGateways(t *testing.T) {
	h := newHouse(nil)
	const barn = "122333444666"
	h.know(gatewayFacts(home, "Home"), gatewayFacts(barn, "Barn"))
	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	h.hub.Publish(bare(barn, "Barn", time.Now()))
	b := openBrowser(t)
	b.window(t, 390, 844, "light")
	b.open(t, h.serve(t))
	b.await(t, ".tile.production .number", "4.32")
	b.do(t, chromedp.Click(chromedp.Search(`//nav/button[text()="Barn"]`)))
	b.await(t, ".tile.production .number", "512")
	b.await(t, "#name", "Barn")
	b.await(t, "#days-table", "24.0")
	if !b.is(t, "location.hash === '#"+barn+"' && document.querySelector('nav [aria-pressed=true]').textContent === 'Barn'") {
		t.Error("the choice is neither marked nor kept in the address")
	}
	h.hub.Publish(measured(home, "Home", time.Now(), 100))
	h.hub.Publish(&reading.Reading{Gateway: barn, Name: "Barn", Source: reading.Local, Time: time.Now(), Quality: reading.Good,
		Power: reading.Power{ProductionW: reading.Of(513)}})
	b.await(t, ".tile.production .number", "513")
	b.picture(t, "two")
}

func TestPageTellsWhatItWaitsFor(t *testing.T) {
	h := newHouse(nil)
	h.know([]web.Gateway{}...)
	h.board.Set("discovery", status.Red, "heard 2 gateways: 122333444555, 122333444666",
		"Paste those that are yours into the configuration:\ngateways:\n  - serial: \"122333444555\"\n    certificate: \""+
			strings.Repeat("ab", 32)+"\"\n  - serial: \"122333444666\"\n")
	b := openBrowser(t)
	b.window(t, 390, 844, "light")
	b.open(t, h.serve(t))
	b.await(t, "#waiting pre", "gateways:\n  - serial: \"122333444555\"")
	if b.is(t, "document.documentElement.scrollWidth > innerWidth") {
		t.Error("the page scrolls sideways")
	}
	b.picture(t, "two-heard")
	h.board.Forget("discovery")
	h.board.Set("token/"+home, status.Red, "There is no token for gateway "+home+".", "Paste a token with envoyd token set, or run envoyd token login.")
	b.await(t, "#waiting code:last-of-type", "envoyd token login")
	h.board.Set("token/"+home, status.Green, "The owner token is valid.", "")
	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	b.await(t, ".tile.production .number", "4.32")
	if b.is(t, "document.getElementById('waiting').checkVisibility()") {
		t.Error("the page still says that it waits")
	}
}

func TestPageFollowsTheDaemonsClock(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(measured(home, "Home", time.Now(), 4321))
	b := openBrowser(t)
	b.window(t, 390, 844, "light")
	behind := strconv.Itoa(int((3 * time.Hour).Milliseconds()))
	b.before(t, "const real = Date.now; Date.now = () => real() - "+behind+";")
	b.open(t, h.serve(t))
	b.await(t, ".tile.production .number", "4.32")
	h.hub.Publish(measured(home, "Home", time.Now().Add(-10*time.Minute), 4321))
	b.await(t, "#age", "10 min ago")
}
