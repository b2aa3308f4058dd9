package enlighten_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fault"
)

const otherSerial = "122333444777"

// twoHomes are the systems 77 and 78 of one owner, with a gateway each.
func twoHomes(t *testing.T) *api {
	a := newAPI(t)
	a.say("", 200, `{"total":2,"systems":[{"system_id":77,"name":"Home"},{"system_id":78,"name":"Barn"}]}`)
	a.say("/78/devices", 200, strings.ReplaceAll(devices("production", "", false), serial, otherSerial))
	a.allSeries()
	return a
}

func wantHome(t *testing.T, c *enlighten.Client, id int64) {
	t.Helper()
	if h, err := c.Home(t.Context()); err != nil || h.ID != id {
		t.Errorf("home %+v, %v", h, err)
	}
}

func wantCalls(t *testing.T, a *api, want int) {
	t.Helper()
	if asked := a.calls(); len(asked) != want {
		t.Errorf("%d calls, want %d: %v", len(asked), want, asked)
	}
}

func TestEachGatewayHasItsOwnSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := twoHomes(t)
		first := a.connected(t)
		wantHome(t, first.For(serial), 77)
		wantCalls(t, a, 0)
		other := first.For(otherSerial)
		wantHome(t, other, 78)
		wantCalls(t, a, 3) // the systems and their devices
		wantHome(t, other, 78)
		wantHome(t, first, 77)
		wantHome(t, a.client(t, nil).For(otherSerial), 78) // the next start
		wantCalls(t, a, 0)
		time.Sleep(3 * day)
		w := enlighten.Window{From: time.Now().Add(-2 * time.Hour), To: time.Now()}
		if _, err := other.Intervals(t.Context(), w); err == nil {
			t.Error("system 78 has no series")
		}
		for _, asked := range a.calls() {
			if !strings.HasPrefix(asked, "/78/") {
				t.Errorf("asked for %s", asked)
			}
		}
		if _, err := first.Intervals(t.Context(), w); err != nil {
			t.Errorf("the other system's trouble is ours: %v", err)
		}
	})
}

func TestAGatewayThatNoSystemHasIsLookedForOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := twoHomes(t)
		first := a.connected(t)
		lost := first.For("122333444999")
		ask := func(calls int) {
			t.Helper()
			if _, err := lost.Home(t.Context()); !errors.Is(err, enlighten.ErrNotThisHome) || !fault.Is(err, fault.Unsupported) {
				t.Errorf("err %v", err)
			}
			wantCalls(t, a, calls)
		}
		ask(3)
		time.Sleep(23 * time.Hour)
		ask(0)
		time.Sleep(2 * time.Hour)
		ask(3)
		a.say("/78/devices", 200, strings.ReplaceAll(devices("production", "", false), serial, "122333444999"))
		if _, err := first.Connect(t.Context(), enlighten.Consent{Code: "abc", Gateways: []string{serial}}); err != nil {
			t.Fatal(err)
		}
		a.calls()
		wantHome(t, lost, 78)
		wantCalls(t, a, 3) // another consent is another search
	})
}

func TestASystemThatIsConfiguredIsTheOnlyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := twoHomes(t)
		a.connected(t)
		c := a.client(t, func(c *enlighten.Config) { c.SystemID = 77 })
		if _, err := c.For(otherSerial).Home(t.Context()); !errors.Is(err, enlighten.ErrNotThisHome) {
			t.Errorf("err %v", err)
		}
		wantHome(t, c.For(serial), 77)
		wantCalls(t, a, 0)
	})
}
