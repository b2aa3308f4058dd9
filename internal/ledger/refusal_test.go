package ledger_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"envoyd/internal/ledger"
)

func TestRefusedValues(t *testing.T) {
	var lines bytes.Buffer
	h := newHome(t)
	l, err := ledger.Open(ledger.Config{Log: slog.New(slog.NewTextHandler(&lines, nil))})
	if err != nil {
		t.Fatal(err)
	}
	h.l = l
	h.production("ct", 6500)
	h.reads(0, 5000)
	for range 300 {
		h.reads(10*time.Second, -1e15)
	}
	t.Run("are logged once an hour for each reason", func(t *testing.T) {
		if got := strings.Count(lines.String(), "refused"); got != 2 { // the message and the count
			t.Fatalf("logged:\n%s", lines.String())
		}
		h.reads(time.Hour, -1e15)
		if got := strings.Count(lines.String(), "msg="); got != 2 {
			t.Fatalf("logged:\n%s", lines.String())
		}
	})
	t.Run("are counted", func(t *testing.T) {
		if got := l.RefusedCounts(h.in.Gateway); len(got) != 1 || got[ledger.ReasonAbsurd] != 301 {
			t.Fatalf("counted %v", got)
		}
		if got := l.RefusedCounts("another"); len(got) != 0 {
			t.Fatalf("another gateway has %v", got)
		}
	})
	t.Run("are kept, the last of them", func(t *testing.T) {
		got := l.Refused()
		if len(got) != 100 || !got[99].Time.Equal(h.in.Time) || got[0].Counter != "ct" || got[0].Gateway != h.in.Gateway {
			t.Fatalf("kept %d, the last %+v", len(got), got[len(got)-1])
		}
	})
}

func TestStateStaysSmall(t *testing.T) {
	h := newHome(t)
	h.inverters("a")
	for i := range 3000 { // a gateway that invents counters, for two weeks
		h.inverters("a", fmt.Sprintf("n%d", i))
		h.reads(7*time.Minute, float64(i), 5)
	}
	h.save()
	info, err := os.Stat(h.path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 200<<10 {
		t.Fatalf("the state is %d bytes", info.Size())
	}
	if h.open(); h.l.Damaged() != nil {
		t.Fatal(h.l.Damaged())
	}
}
