package fault_test

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/sim/fault"
)

func TestSwitchesEndAfterTheirTimeOrCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s fault.Switches
		s.Set(fault.HTML, fault.Options{For: time.Minute})
		time.Sleep(time.Minute - time.Nanosecond)
		if !s.Take(fault.HTML, "/x") {
			t.Error("ended early")
		}
		time.Sleep(time.Nanosecond)
		if s.Take(fault.HTML, "/x") || len(s.Active()) != 0 {
			t.Error("did not end")
		}
		s.Set(fault.HTML, fault.Options{Count: 2})
		if !s.On(fault.HTML, "/x") || !s.Take(fault.HTML, "/x") || !s.Take(fault.HTML, "/x") || s.Take(fault.HTML, "/x") {
			t.Error("count=2 was not twice")
		}
		s.Set(fault.Spike, fault.Options{})
		if !s.Take(fault.Spike, "/x") || s.Take(fault.Spike, "/x") {
			t.Error("a spike was not once")
		}
		s.Set(fault.Cut, fault.Options{})
		time.Sleep(1000 * time.Hour)
		if !s.Take(fault.Cut, "/x") {
			t.Error("ended without being cleared")
		}
		s.Clear(fault.HTML)
		if !s.On(fault.Cut, "/x") {
			t.Error("clearing one cleared another")
		}
		s.Clear()
		if s.On(fault.Cut, "/x") {
			t.Error("not cleared")
		}
	})
}

func TestPathsAreExactUnlessTheyEndInASlash(t *testing.T) {
	var s fault.Switches
	s.Set(fault.Empty, fault.Options{Path: "/ivp/meters"})
	s.Set(fault.Cut, fault.Options{Path: "/ivp/"})
	for path, want := range map[string][2]bool{
		"/ivp/meters": {true, true}, "/ivp/meters/readings": {false, true}, "/info": {false, false},
	} {
		if s.On(fault.Empty, path) != want[0] || s.On(fault.Cut, path) != want[1] {
			t.Errorf("%s: %t %t", path, s.On(fault.Empty, path), s.On(fault.Cut, path))
		}
	}
}

func TestSparedPathsAreHitOnlyByName(t *testing.T) {
	var s fault.Switches
	s.Set(fault.Unauthorized, fault.Options{})
	if s.TakeNot(fault.Unauthorized, "/info", "/info") || !s.TakeNot(fault.Unauthorized, "/x", "/info") {
		t.Error("a general fault hit the spared path, or nothing")
	}
	s.Set(fault.Unauthorized, fault.Options{Path: "/info"})
	if !s.TakeNot(fault.Unauthorized, "/info", "/info") {
		t.Error("a fault of that very path did not hit it")
	}
}

func TestOptionsAreRead(t *testing.T) {
	o, err := fault.ParseOptions(url.Values{"for": {"90s"}, "count": {"3"}, "path": {"/ivp/meters"}})
	if want := (fault.Options{For: 90 * time.Second, Count: 3, Path: "/ivp/meters"}); err != nil || o != want {
		t.Errorf("%+v %v", o, err)
	}
	for _, bad := range []url.Values{{"for": {"x"}}, {"for": {"0s"}}, {"for": {"-1s"}}, {"count": {"0"}}, {"count": {"x"}}} {
		if _, err := fault.ParseOptions(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	for name, want := range map[string]fault.Kind{"401": fault.Unauthorized, "502": fault.BadGateway, "503": fault.Unavailable, "cut": fault.Cut} {
		if got, err := fault.Parse(name); err != nil || got != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if _, err := fault.Parse("x"); err == nil {
		t.Error("x is a fault")
	}
}
