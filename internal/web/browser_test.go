package web_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"envoyd/internal/parts"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a real Chromium with one page open. What its console says of
// errors is kept: a blocked script or style is one.
type browser struct {
	ctx context.Context

	mu     sync.Mutex
	errors []string
}

// openBrowser starts Chromium; with the test it ends, wholly.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(parts.Find(t, "chromium")), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	if os.Getuid() == 0 {
		flags = append(flags, chromedp.NoSandbox)
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), flags...)
	b := &browser{}
	ctx, forget := chromedp.NewContext(context.WithoutCancel(ctx), chromedp.WithListener(b.listen))
	b.ctx = ctx
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
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.errors = append(b.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		if e.Type != "log" && e.Type != "debug" && e.Type != "info" {
			b.errors = append(b.errors, "console."+string(e.Type))
		}
	}
}

// complaints returns what the console said so far.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.errors...)
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("browser: %v; console: %q", err, b.complaints())
	}
}

// ask evaluates an expression in the page.
func ask[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("browser, %s: %v; console: %q", expression, err, b.complaints())
	}
	return answer
}

// window sets the size of a device, and its colours.
func (b *browser) window(t *testing.T, width, height int64, colours string) {
	t.Helper()
	b.do(t, chromedp.EmulateViewport(width, height))
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		t.Fatal(err)
	}
}

// before runs a script ahead of the page's own.
func (b *browser) before(t *testing.T, script string) {
	t.Helper()
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *browser) open(t *testing.T, address string) {
	t.Helper()
	if !strings.Contains(address, "/") {
		address += "/"
	}
	b.do(t, chromedp.Navigate("http://"+address))
}

// text returns what can be read at a selector, "" when it is not shown.
func (b *browser) text(t *testing.T, selector string) string {
	t.Helper()
	text := ask[string](t, b, "((e) => (e?.checkVisibility() ? (e.innerText ?? e.textContent) : ''))(document.querySelector('"+selector+"'))")
	return strings.TrimSpace(strings.ReplaceAll(text, "\u00a0", " "))
}

// is evaluates a condition.
func (b *browser) is(t *testing.T, condition string) bool {
	t.Helper()
	return ask[bool](t, b, "Boolean("+condition+")")
}

// await waits until the text at a selector contains want.
func (b *browser) await(t *testing.T, selector, want string) {
	t.Helper()
	deadline := time.Now().Add(45 * time.Second)
	for {
		text := b.text(t, selector)
		if strings.Contains(text, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %q at %s; there is %q; console: %q", want, selector, text, b.complaints())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// picture takes a screenshot of the whole page into ENVOYD_PICTURES, or a
// folder that goes with the test.
func (b *browser) picture(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("ENVOYD_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
