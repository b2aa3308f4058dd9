package broker_test

import (
	"net"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"envoyd/internal/sim/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.New(broker.Config{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// connect returns a client, or why it was not let in.
func connect(t *testing.T, b *broker.Broker, user, password string, lost chan<- error) (mqtt.Client, error) {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetUsername(user).SetPassword(password)
	o.SetAutoReconnect(false).SetConnectTimeout(5 * time.Second)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		if lost != nil {
			lost <- err
		}
	})
	c := mqtt.NewClient(o)
	token := c.Connect()
	token.Wait()
	t.Cleanup(func() { c.Disconnect(100) })
	return c, token.Error()
}

func TestOnlyTheRandomLoginIsLetIn(t *testing.T) {
	b, other := start(t), start(t)
	if b.Password() == other.Password() || b.User() == other.User() || len(b.Password()) < 16 {
		t.Error("the logins are not random")
	}
	if !strings.HasPrefix(b.URL(), "mqtt://"+b.User()+":"+b.Password()+"@127.0.0.1:") {
		t.Errorf("URL %s", b.URL())
	}
	for name, login := range map[string][2]string{
		"nobody": {"", ""}, "wrong password": {b.User(), "x"}, "wrong user": {"x", b.Password()},
	} {
		if _, err := connect(t, b, login[0], login[1], nil); err == nil {
			t.Errorf("%s was let in", name)
		}
	}
	if _, err := connect(t, b, b.User(), b.Password(), nil); err != nil {
		t.Error(err)
	}
}

func TestMessagesArriveAndAreRetained(t *testing.T) {
	b := start(t)
	c, err := connect(t, b, b.User(), b.Password(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Publish("a/b", 1, true, "kept").Wait()
	got := make(chan string, 1)
	other, err := connect(t, b, b.User(), b.Password(), nil)
	if err != nil {
		t.Fatal(err)
	}
	other.Subscribe("a/#", 1, func(_ mqtt.Client, m mqtt.Message) { got <- string(m.Payload()) }).Wait()
	select {
	case text := <-got:
		if text != "kept" {
			t.Errorf("got %q", text)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing arrived")
	}
}

func TestDropBreaksConnections(t *testing.T) {
	b := start(t)
	lost := make(chan error, 1)
	if _, err := connect(t, b, b.User(), b.Password(), lost); err != nil {
		t.Fatal(err)
	}
	b.Drop()
	select {
	case <-lost: //nolint:errcheck // any reason will do
	case <-time.After(5 * time.Second):
		t.Error("the connection is still there")
	}
	if _, err := connect(t, b, b.User(), b.Password(), nil); err != nil {
		t.Errorf("nobody can come back: %v", err)
	}
}

func TestCloseWhileClientsConnect(t *testing.T) {
	for range 10 {
		b, err := broker.New(broker.Config{Address: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 20 {
				if c, err := net.Dial("tcp", b.Addr()); err == nil {
					c.Close() //nolint:errcheck // only read
				}
			}
		}()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		<-done
	}
}

func TestBusyAddressIsNamed(t *testing.T) {
	b := start(t)
	if _, err := broker.New(broker.Config{Address: b.Addr()}); err == nil || !strings.Contains(err.Error(), "MQTT broker at "+b.Addr()) {
		t.Errorf("got %v", err)
	}
}
