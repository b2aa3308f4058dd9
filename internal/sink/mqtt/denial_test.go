package mqtt

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/parts"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

func TestAForeignOfflineIsCorrected(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.hub.Publish(large(time.Now()))
		r.start()
		r.after(5 * time.Second)
		r.take()
		r.denied <- struct{}{}
		r.after(denyDelay)
		all := r.take()
		if m := last(t, all, "envoyd/status"); string(m.payload) != online {
			t.Errorf("the daemon says %s", m.payload)
		}
		if m := last(t, all, home+"/status"); string(m.payload) != online {
			t.Errorf("the gateway is %s", m.payload)
		}
		r.after(time.Minute)
		if all := to(r.take(), "/status"); len(all) != 0 {
			t.Errorf("it went on: %v", topicsOf(all))
		}
	})
}

func TestWhoAlwaysSaysOfflineIsNotAnsweredAtHisPace(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		r.take()
		for range 100 {
			r.denied <- struct{}{}
			r.after(100 * time.Millisecond)
		}
		if n := len(to(r.take(), "envoyd/status")); n < 5 || n > 10 {
			t.Errorf("answered %d times in ten seconds", n)
		}
	})
}

// TestMosquittoIsToldAgainAfterAnOldWill is the daemon's start in a container
// with another host name: the broker learns later that the old one is dead.
func TestMosquittoIsToldAgainAfterAnOldWill(t *testing.T) {
	m, h := guarded(t), &health{}
	proxy := newProxy(t, m.url("tcp"))
	old := paho.NewClientOptions().AddBroker("tcp://"+proxy.address()).SetClientID("envoyd-old").SetProtocolVersion(4).
		SetAutoReconnect(false).SetWill("envoyd/status", offline, 1, true)
	login("envoyd", "sesame")(old)
	c := paho.NewClient(old)
	if k := c.Connect(); k.Wait() && k.Error() != nil {
		t.Fatal(k.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	p := publisher(t, h, func(c *Config) { c.URL, c.Username, c.Password = m.url("mqtt"), "envoyd", secret.New("sesame") })
	l := listen(t, m.url("tcp"), login("homeassistant", "sesame"))
	run(t, p)
	until(t, "it is connected", h.is(status.Green))
	until(t, "it says online", func() bool { return l.get("envoyd/status") == online })
	proxy.cut()
	until(t, "the will arrives and is corrected", func() bool { return l.heard("envoyd/status") >= 3 && l.get("envoyd/status") == online })
}

func TestMosquittoIsToldAgainAfterATopicWasEmptied(t *testing.T) {
	m, h := startMosquitto(t, open...).up(), &health{}
	p := publisher(t, h, func(c *Config) { c.URL, c.HA.Prefix = m.url("mqtt"), "" })
	l := listen(t, m.url("tcp"), nil)
	run(t, p)
	until(t, "it is connected", h.is(status.Green))
	out, err := exec.Command(parts.Find(t, "mosquitto_pub"), "-p", strings.TrimPrefix(m.url("x"), "x://127.0.0.1:"),
		"-t", "envoyd/status", "-r", "-n").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	until(t, "it is filled again", func() bool { return l.heard("envoyd/status") >= 3 && l.get("envoyd/status") == online })
}
