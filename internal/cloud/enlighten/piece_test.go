package enlighten_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/enlighten"
)

// A week takes seventeen calls; the export's fifth day fails once.
func TestAFailureInAWeekCostsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.allSeries()
		broken := true
		days := 0
		a.mu.Lock()
		whole := a.answers["/77/energy_export_telemetry"]
		a.mu.Unlock()
		a.do("/77/energy_export_telemetry", func(w http.ResponseWriter, r *http.Request) {
			if days++; days == 5 && broken {
				broken = false
				http.Error(w, "<html>", http.StatusBadGateway)
				return
			}
			whole(w, r)
		})
		cl := a.connected(t)
		time.Sleep(20 * day)
		w := enlighten.Window{From: time.Now().Add(-14 * day), To: time.Now().Add(-7 * day)}
		if _, err := cl.Intervals(t.Context(), w); err == nil {
			t.Fatal("no error")
		}
		time.Sleep(time.Minute)
		span, err := cl.Intervals(t.Context(), w)
		if err != nil || len(span.Intervals) != 7*96 {
			t.Fatalf("%d intervals, %v", len(span.Intervals), err)
		}
		asked := a.calls()
		if len(asked) != 3+7+7+1 {
			t.Errorf("%d calls: %s", len(asked), strings.Join(asked, "\n"))
		}
		slices.Sort(asked)
		if twice := len(asked) - len(slices.Compact(asked)); twice != 1 {
			t.Errorf("%d calls made twice, want the one that failed", twice)
		}
		if _, err := cl.Intervals(t.Context(), w); err != nil || len(a.calls()) != 17 {
			t.Errorf("a window that is finished was not asked for anew: %v", err)
		}
	})
}

// What the gateway may still report is no answer to keep.
func TestAnAnswerOfTheLastHourIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.allSeries()
		a.say("/77/telemetry/battery", http.StatusBadGateway, "<html>")
		cl := a.connected(t)
		time.Sleep(20 * day)
		w := enlighten.Window{From: time.Now().Add(-2 * time.Hour), To: time.Now()}
		for range 2 {
			if _, err := cl.Intervals(t.Context(), w); err == nil {
				t.Fatal("no error")
			}
			if n := len(a.calls()); n != 5 {
				t.Errorf("%d calls", n)
			}
			time.Sleep(time.Minute)
		}
	})
}

// A gap that begins and ends anywhere takes no call more than its weeks need.
func TestAWeekOfAnOddMinuteIsOneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.allSeries()
		cl := a.connected(t)
		time.Sleep(20*day + 7*time.Minute + 3*time.Second)
		windows := enlighten.Windows(time.Now().Add(-14*day), time.Now())
		if _, err := cl.Intervals(t.Context(), windows[0]); err != nil {
			t.Fatal(err)
		}
		if n := len(a.calls()); n != 17 {
			t.Errorf("%d calls", n)
		}
	})
}
