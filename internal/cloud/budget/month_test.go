package budget_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/fault"
)

// outage is a silence of the gateway.
type outage struct {
	from time.Time
	long time.Duration
}

// simulation plays months of a home on the free plan: keeps the grant alive,
// asks for the power during outages and fills the holes afterwards.
type simulation struct {
	t     *testing.T
	l     *budget.Ledger
	dir   string
	made  []time.Time
	byDay map[string][4]int
	late  int // calls for a hole that had to wait for another month
}

func (s *simulation) call(n budget.Need) bool {
	err := s.l.Take(s.t.Context(), n)
	if err != nil {
		if !errors.Is(err, budget.ErrSpent) || fault.After(err) <= 0 {
			s.t.Fatal(err)
		}
		return false
	}
	s.made = append(s.made, time.Now())
	date := time.Now().UTC().Format("01-02")
	count := s.byDay[date]
	count[n.Purpose]++
	s.byDay[date] = count
	return true
}

// live passes an outage and what comes after it.
func (s *simulation) live(o outage) {
	until(o.from)
	need := budget.Need{Since: o.from}
	for end := o.from.Add(o.long); ; {
		if len(s.made)%25 == 0 {
			s.l = open(s.dir) // the daemon is restarted now and then
		}
		s.call(need)
		at := s.l.Allow(need).At
		if time.Now().Day() != at.Day() && time.Now().Hour() < 23 {
			s.call(budget.Need{Purpose: budget.Refresh}) // the access token lives a day
		}
		if at.After(end) {
			until(end)
			break
		}
		until(at)
	}
	days := int(o.long.Hours()/24) + 1
	for range 5 * days { // five series by day
		for !s.call(budget.Need{Purpose: budget.Backfill}) {
			d := s.l.Allow(budget.Need{Purpose: budget.Backfill})
			if time.Until(d.At) > time.Hour {
				s.late++
			}
			until(d.At)
		}
	}
}

// worst returns the most calls in any span of that length.
func (s *simulation) worst(span time.Duration) int {
	most, first := 0, 0
	for i, at := range s.made {
		for at.Sub(s.made[first]) >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func TestAMonthOfOutagesOnTheFreePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := memory(t)
		s := &simulation{t: t, dir: dir, l: open(dir), byDay: map[string][4]int{}}
		june := func(d, h, m int) time.Time { return time.Date(2000, time.June, d, h, m, 0, 0, time.UTC) }
		outages := []outage{
			{june(1, 7, 0), 4 * time.Minute}, {june(1, 9, 0), 40 * time.Minute}, {june(2, 12, 0), 7 * time.Hour},
			{june(3, 1, 0), 20 * time.Minute}, {june(5, 10, 0), 5 * 24 * time.Hour}, {june(11, 18, 0), 14 * time.Hour},
			{june(13, 8, 0), 3 * time.Minute}, {june(14, 6, 0), 5 * 24 * time.Hour}, {june(20, 0, 0), 26 * time.Hour},
			{june(22, 8, 0), 5 * 24 * time.Hour}, {june(28, 5, 0), 66 * time.Hour},
		}
		for _, o := range outages {
			s.live(o)
		}
		s.print(outages)
		if n := s.worst(time.Minute); n > 10 {
			t.Errorf("%d calls in a minute", n)
		}
		if n := s.worst(30 * 24 * time.Hour); n > 1000 {
			t.Errorf("%d calls in thirty days", n)
		}
		for _, o := range outages {
			s.covered(o)
		}
		if s.late > 0 {
			t.Errorf("%d calls to fill a hole had to wait", s.late)
		}
	})
}

// covered demands that each day of an outage has its share of calls, more by
// day than by night.
func (s *simulation) covered(o outage) {
	for from := o.from; from.Before(o.from.Add(o.long)); from = from.Add(24 * time.Hour) {
		to := from.Add(24 * time.Hour)
		if end := o.from.Add(o.long); to.After(end) {
			to = end
		}
		n, longest, last := 0, time.Duration(0), from
		for _, at := range append(slices.Clone(s.made), to) {
			if !at.Before(from) && !at.After(to) {
				n, longest, last = n+1, max(longest, at.Sub(last)), at
			}
		}
		if n-1 < int(to.Sub(from).Hours()/3) || longest > 7*time.Hour {
			s.t.Errorf("from %v to %v: %d calls, longest pause %v", from, to, n-1, longest)
		}
	}
}

func (s *simulation) print(outages []outage) {
	var b strings.Builder
	fmt.Fprintf(&b, "free plan, June with outages:")
	for _, o := range outages {
		fmt.Fprintf(&b, " %s %v;", o.from.Format("02. 15:04"), o.long)
	}
	var sum [4]int
	fmt.Fprintf(&b, "\nday    fallback backfill refresh\n")
	for d := time.Date(2000, 6, 1, 0, 0, 0, 0, time.UTC); d.Month() == time.June; d = d.AddDate(0, 0, 1) {
		n := s.byDay[d.Format("01-02")]
		for p := range sum {
			sum[p] += n[p]
		}
		fmt.Fprintf(&b, "%s  %8d %8d %7d\n", d.Format("01-02"), n[0], n[1], n[2])
	}
	fmt.Fprintf(&b, "month  %8d %8d %7d = %d calls of 1000; most in a minute %d of 10",
		sum[0], sum[1], sum[2], sum[0]+sum[1]+sum[2], s.worst(time.Minute))
	s.t.Log(b.String())
}

func TestMoreByDayThanByNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(time.June, 1, 6))
		l := open(memory(t))
		since := time.Now()
		light, dark := 0, 0
		for time.Now().Before(at(time.June, 4, 6)) {
			take := l.Take(t.Context(), budget.Need{Since: since})
			if take != nil {
				t.Fatal(take)
			}
			if h := time.Now().Hour(); h >= 6 && h < 20 {
				light++
			} else {
				dark++
			}
			until(l.Allow(budget.Need{Since: since}).At)
		}
		perHour := func(n, hours int) float64 { return float64(n) / float64(3*hours) }
		t.Logf("three days: %.1f calls an hour by day, %.1f by night", perHour(light, 14), perHour(dark, 10))
		if perHour(light, 14) < 2*perHour(dark, 10) || dark < 15 {
			t.Errorf("by day %d, by night %d", light, dark)
		}
	})
}
