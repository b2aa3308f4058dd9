package main

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/parts"
	"envoyd/internal/sim"
	"envoyd/internal/sim/account"

	"github.com/chromedp/chromedp"
)

// chromium is the owner's browser; it ends with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(parts.Find(t, "chromium")), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	if os.Getuid() == 0 {
		flags = append(flags, chromedp.NoSandbox)
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), flags...)
	ctx, forget := chromedp.NewContext(context.WithoutCancel(ctx))
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		_ = chromedp.Cancel(end)
		forget()
		stop()
	})
	// The browser lives as long as the context of the first call.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return ctx
}

func browse(t *testing.T, browser context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(browser, e2e.Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// shows evaluates an expression that is a text.
func shows(t *testing.T, browser context.Context, expression string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(browser, e2e.Patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// awaitVisit waits for what the page of the callback says.
func awaitVisit(t *testing.T, browser context.Context, want string) {
	t.Helper()
	e2e.WaitFor(t, want, func() bool {
		return strings.Contains(shows(t, browser, "document.getElementById('visit')?.innerText ?? ''"), want)
	})
}

// logIn opens the consent page and logs the owner in, unless the browser still is.
func logIn(t *testing.T, browser context.Context, address string) {
	t.Helper()
	browse(t, browser, chromedp.Navigate(address))
	if shows(t, browser, "document.getElementById('approve') ? 'yes' : ''") != "" {
		return
	}
	browse(t, browser,
		chromedp.SendKeys(chromedp.Search("#email"), sim.User), chromedp.SendKeys(chromedp.Search("#password"), account.Password),
		chromedp.Click(chromedp.Search("#login")))
	e2e.WaitFor(t, "the question", func() bool {
		return shows(t, browser, "document.getElementById('approve') ? 'yes' : ''") != ""
	})
}

func TestConnectWithABrowser(t *testing.T) {
	browser := chromium(t)
	t.Run("beside the daemon", func(t *testing.T) {
		h := cloudHouse(t)
		h.StartDaemon()
		h.Wait("the command on the page", func() bool { return h.Condition("cloud/enlighten").Mend == "Run envoyd connect enlighten." })
		walkConsent(t, browser, h)
		if c := h.Condition("cloud/enlighten"); c.State != "green" {
			t.Errorf("the daemon says %+v", c)
		}
	})
	t.Run("without a daemon", func(t *testing.T) { walkConsent(t, browser, cloudHouse(t)) })
	t.Run("too late", func(t *testing.T) { comeLate(t, browser) })
}

// comeLate has the owner log in at once and agree only when the link has
// ended, after a second here instead of ten minutes.
func comeLate(t *testing.T, browser context.Context) {
	t.Helper()
	opt := cloudOptions()
	opt.LinkLife = time.Second
	h := e2e.Start(t, opt)
	c := typing(t, h, "connect", "enlighten", "-browser")
	address := c.address()
	if text := c.ends(exitFailed); !strings.Contains(text, "did not come back") {
		t.Errorf("said %s", text)
	}
	logIn(t, browser, address)
	browse(t, browser, chromedp.Click(chromedp.Search("#approve")))
	awaitVisit(t, browser, "This link is not open")
	if granted(h) {
		t.Error("a grant is kept")
	}
}

// walkConsent goes from the printed address to the grant, and tries what must
// not work on the way.
func walkConsent(t *testing.T, browser context.Context, h *e2e.House) {
	t.Helper()
	c := typing(t, h, "connect", "enlighten", "-browser")
	address := c.address()
	back := wayBack(t, address)
	refused(t, browser, back, "state", strings.Repeat("0", 32))
	refused(t, browser, back, "link", strings.Repeat("0", 32))
	logIn(t, browser, address)
	browse(t, browser, chromedp.Click(chromedp.Search("#approve")))
	awaitVisit(t, browser, "envoyd has your answer")
	used := shows(t, browser, "location.href")
	if text := c.ends(exitOK); !strings.Contains(text, "ssh -L ") || !strings.Contains(text, "Access granted") {
		t.Errorf("said %s", text)
	}
	if !granted(h) {
		t.Error("no grant is kept")
	}
	again := typing(t, h, "connect", "enlighten", "-browser") // opens a link of its own
	address = again.address()
	browse(t, browser, chromedp.Navigate(used))
	awaitVisit(t, browser, "This link is not open")
	logIn(t, browser, address)
	browse(t, browser, chromedp.Click(chromedp.Search("#reject")))
	awaitVisit(t, browser, "Access was not granted")
	if text := again.ends(exitFailed); !strings.Contains(text, "the owner said no") {
		t.Errorf("said %s", text)
	}
}

// wayBack is where the consent will send the browser, with a code of ours.
func wayBack(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	back, err := url.Parse(u.Query().Get("redirect_uri"))
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	q.Set("state", u.Query().Get("state"))
	q.Set("code", "A1B2C3")
	back.RawQuery = q.Encode()
	if len(q.Get("link")) != 32 || len(q.Get("state")) != 32 {
		t.Errorf("128 bits are 32 digits: %s", back)
	}
	return back
}

// refused comes back with something else than what was printed.
func refused(t *testing.T, browser context.Context, back *url.URL, name, value string) {
	t.Helper()
	wrong := *back
	q := wrong.Query()
	q.Set(name, value)
	wrong.RawQuery = q.Encode()
	browse(t, browser, chromedp.Navigate(wrong.String()))
	awaitVisit(t, browser, "This link is not open")
}
