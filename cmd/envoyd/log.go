package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"os"
	"sync"
)

// newLogger writes one line a record. Under systemd the line begins with its
// priority for the journal, which has the time already.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	h := &lines{w: w, mu: &sync.Mutex{}, journal: os.Getenv("JOURNAL_STREAM") != ""}
	h.text = slog.NewTextHandler(&h.buf, &slog.HandlerOptions{Level: level, ReplaceAttr: h.trim})
	h.root = h
	// Libraries write to the standard logger, some of it text from the other
	// side of a connection.
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(h, slog.LevelDebug).Writer())
	return slog.New(h)
}

// lines is a slog.Handler around the text one that adds the priority.
type lines struct {
	w       io.Writer
	mu      *sync.Mutex
	journal bool
	buf     bytes.Buffer // of the root only, guarded by mu
	text    slog.Handler
	root    *lines
}

func (h *lines) trim(groups []string, a slog.Attr) slog.Attr {
	if h.journal && len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

func (h *lines) Enabled(ctx context.Context, l slog.Level) bool { return h.text.Enabled(ctx, l) }

func (h *lines) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	buf := &h.root.buf
	buf.Reset()
	if h.journal {
		buf.WriteString(priority(r.Level))
	}
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.w.Write(buf.Bytes())
	return err
}

// priority is the journal's, as sd-daemon(3) has it.
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	default:
		return "<7>"
	}
}

func (h *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lines{w: h.w, mu: h.mu, journal: h.journal, text: h.text.WithAttrs(attrs), root: h.root}
}

func (h *lines) WithGroup(name string) slog.Handler {
	return &lines{w: h.w, mu: h.mu, journal: h.journal, text: h.text.WithGroup(name), root: h.root}
}
