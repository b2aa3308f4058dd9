package budget_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/fault"
)

func open(dir string) *budget.Ledger {
	return budget.Open(budget.Config{Dir: dir, Zone: time.UTC})
}

// memory returns a folder that needs no disk, where there is one: thousands of
// calls are counted here, each synced.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "envoyd-budget-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// until sets the bubble's clock forward.
func until(t time.Time) { time.Sleep(time.Until(t)) }

func at(month time.Month, d, h int) time.Time { return time.Date(2000, month, d, h, 0, 0, 0, time.UTC) }

func take(t *testing.T, l *budget.Ledger, p budget.Purpose) {
	t.Helper()
	if err := l.Take(t.Context(), budget.Need{Purpose: p}); err != nil {
		t.Fatal(err)
	}
}

func spend(t *testing.T, l *budget.Ledger, p budget.Purpose, n int) {
	t.Helper()
	for range n {
		take(t, l, p)
		time.Sleep(10 * time.Second)
	}
}

func status(t *testing.T, l *budget.Ledger) budget.Status {
	t.Helper()
	s, err := l.Status()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAMinuteHasTenCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := memory(t)
		first, second := open(dir), open(dir) // as two processes have them
		for i := range 10 {
			take(t, []*budget.Ledger{first, second}[i%2], budget.Setup)
		}
		for _, l := range []*budget.Ledger{first, second, open(dir)} {
			err := l.Take(t.Context(), budget.Need{Purpose: budget.Refresh})
			if !errors.Is(err, budget.ErrSpent) || fault.KindOf(err) != fault.Transient {
				t.Fatalf("eleventh call: %v", err)
			}
			if wait := fault.After(err); wait <= time.Minute || wait > 70*time.Second {
				t.Errorf("wait %v", wait)
			}
		}
		time.Sleep(66 * time.Second)
		take(t, first, budget.Setup)
	})
}

func TestBackfillLeavesTwoOfAMinuteToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(memory(t))
		for range 8 {
			take(t, l, budget.Backfill)
		}
		if err := l.Take(t.Context(), budget.Need{Purpose: budget.Backfill}); !errors.Is(err, budget.ErrSpent) {
			t.Errorf("ninth: %v", err)
		}
		take(t, l, budget.Fallback)
		take(t, l, budget.Refresh)
	})
}

func TestACallIsCountedBeforeItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := memory(t)
		for range 7 {
			take(t, open(dir), budget.Setup) // a process that dies right after, again and again
		}
		s := status(t, open(dir))
		if s.MonthUsed != 7 || s.MinuteUsed != 7 || s.UsedBy["setup"] != 7 || s.Left() != 993 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestACallThatCannotBeCountedIsNotMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := open(dir).Take(t.Context(), budget.Need{})
	if err == nil || errors.Is(err, budget.ErrSpent) || !strings.Contains(fault.Mend(err), "disk") {
		t.Errorf("err %v, mend %q", err, fault.Mend(err))
	}
}

func TestADamagedCountIsSpentInProportion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(time.April, 16, 0))
		dir := memory(t)
		path := filepath.Join(dir, "enlighten-calls.json")
		if err := os.WriteFile(path, []byte(`{"version":1,"hours":[{"hour":"x`), 0o600); err != nil {
			t.Fatal(err)
		}
		if s := status(t, open(dir)); s.MonthUsed < 480 || s.MonthUsed > 530 {
			t.Errorf("looked at: %d spent", s.MonthUsed)
		}
		take(t, open(dir), budget.Setup)
		if s := status(t, open(dir)); s.MonthUsed < 481 || s.MonthUsed > 531 {
			t.Errorf("after a call: %d spent", s.MonthUsed)
		}
		if _, err := os.Stat(path + ".damaged"); err != nil {
			t.Error(err)
		}
	})
}

func TestTheMonthMayTurnInAnyZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(time.January, 30, 0))
		l := open(memory(t))
		spend(t, l, budget.Refresh, 990)
		until(at(time.January, 31, 23))
		spend(t, l, budget.Refresh, 10) // belong to February east of Greenwich
		for _, hour := range []int{0, 6, 11} {
			until(at(time.February, 1, hour))
			if err := l.Take(t.Context(), budget.Need{Purpose: budget.Refresh}); !errors.Is(err, budget.ErrSpent) {
				t.Errorf("%d:00 on the first: %v", hour, err)
			}
		}
		until(at(time.February, 1, 12))
		take(t, l, budget.Refresh)
		if s := status(t, l); s.MonthUsed != 11 {
			t.Errorf("February has %d", s.MonthUsed)
		}
	})
}

func TestAClockThatGoesBackOpensNoNewMonth(t *testing.T) {
	for name, ahead := range map[string]int64{"by twenty hours": 20, "by ten years": 10 * 365 * 24} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(at(time.March, 1, 13).Add(-20 * time.Hour)) // still February for us
				dir := memory(t)
				file := fmt.Sprintf(`{"version":1,"plan":"watt","hours":[{"hour":%d,"calls":[0,0,0,300]}],"recent":[]}`, time.Now().Unix()/3600+ahead)
				if err := os.WriteFile(filepath.Join(dir, "enlighten-calls.json"), []byte(file), 0o600); err != nil {
					t.Fatal(err)
				}
				take(t, open(dir), budget.Setup)
				if s := status(t, open(dir)); s.MonthUsed != 301 {
					t.Errorf("%d counted at once", s.MonthUsed)
				}
				if ahead > 100 {
					return
				}
				until(at(time.March, 2, 13)) // the clock is right again: all of it was March
				if s := status(t, open(dir)); s.MonthUsed != 301 {
					t.Errorf("%d counted in March", s.MonthUsed)
				}
			})
		})
	}
}

func TestTheVendorsWordStandsAboveOurCount(t *testing.T) {
	start := at(time.June, 10, 12)
	for name, c := range map[string]struct {
		refusals []budget.Refusal
		want     time.Time
	}{
		"minute with its end":        {[]budget.Refusal{{Period: "minute", End: start.Add(30 * time.Second), Limit: 10}}, start.Add(32 * time.Second)},
		"minute by another clock":    {[]budget.Refusal{{Period: "minute", End: start.Add(24 * time.Hour)}}, start.Add(62 * time.Second)},
		"month with its end":         {[]budget.Refusal{{Period: "month", End: at(time.July, 1, 7), Limit: 1000}}, at(time.July, 1, 7).Add(2 * time.Second)},
		"month without its end":      {[]budget.Refusal{{Period: "month"}}, at(time.July, 1, 1)},
		"month that ended already":   {[]budget.Refusal{{Period: "month", End: start.Add(-time.Hour)}}, start.Add(time.Hour)},
		"month far in the future":    {[]budget.Refusal{{Period: "month", End: start.AddDate(1, 0, 0)}}, at(time.July, 1, 1)},
		"nothing said":               {[]budget.Refusal{{}}, start.Add(62 * time.Second)},
		"nothing said, twice":        {[]budget.Refusal{{}, {}}, at(time.July, 1, 1)},
		"nothing said after a named": {[]budget.Refusal{{Period: "minute"}, {}}, start.Add(62 * time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(start)
				dir := memory(t)
				var got time.Time
				for _, r := range c.refusals {
					var err error
					if got, err = open(dir).Refused(t.Context(), r); err != nil {
						t.Fatal(err)
					}
				}
				if !got.Equal(c.want) {
					t.Errorf("until %v, want %v", got, c.want)
				}
				for p := budget.Fallback; p <= budget.Setup; p++ {
					if d := open(dir).Allow(budget.Need{Purpose: p}); d.OK || !d.At.Equal(c.want) {
						t.Errorf("%v: %+v", p, d)
					}
				}
				until(c.want)
				take(t, open(dir), budget.Setup)
			})
		})
	}
}

func TestALimitThatARefusalNamesHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := memory(t)
		if _, err := open(dir).Refused(t.Context(), budget.Refusal{Period: "minute", Limit: 4}); err != nil {
			t.Fatal(err)
		}
		if s := status(t, open(dir)); s.MinuteLimit != 4 {
			t.Errorf("limit %d", s.MinuteLimit)
		}
		other, _ := budget.PlanNamed("kilowatt")
		l := budget.Open(budget.Config{Dir: dir, Plan: other})
		if s := status(t, l); s.MinuteLimit != 50 || s.MonthLimit != 50_000 {
			t.Errorf("another plan keeps the old limits: %+v", s)
		}
	})
}

func TestTheReserveIsForBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(time.May, 1, 15))
		l := open(memory(t))
		since := time.Now()
		for { // an outage without end
			d := l.Allow(budget.Need{Since: since})
			if d.At.After(at(time.May, 31, 8)) {
				break
			}
			until(d.At)
			if err := l.Take(t.Context(), budget.Need{Since: since}); err != nil {
				t.Fatal(err)
			}
		}
		s := status(t, l)
		t.Logf("a month without the gateway: %d calls, %d in reserve", s.MonthUsed, s.Reserve)
		if s.Reserve != 150 {
			t.Errorf("reserve %d", s.Reserve)
		}
		spend(t, l, budget.Backfill, 140)
	})
}

func TestFlappingDoesNotCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(time.May, 5, 9))
		l := open(memory(t))
		calls := 0
		for range 60 { // each minute a new outage
			if l.Take(t.Context(), budget.Need{Since: time.Now()}) == nil {
				calls++
			}
			time.Sleep(time.Minute)
		}
		if calls != 4 {
			t.Errorf("%d calls in an hour", calls)
		}
	})
}
