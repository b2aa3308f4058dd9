package nettest_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/nettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers each line with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// say sends a line and returns what comes back within two seconds.
func say(addr, line string) (string, error) {
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if len(answer) > 0 && answer[len(answer)-1] == '\n' {
		answer = answer[:len(answer)-1]
	}
	return answer, err
}

func TestModes(t *testing.T) {
	p := nettest.Listen(t, echo(t))
	if got, err := say(p.Addr(), "hello"); got != "hello" || err != nil {
		t.Fatalf("pass: %q, %v", got, err)
	}
	p.Set(t, nettest.Refuse)
	if _, err := say(p.Addr(), "hello"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refuse: %v", err)
	}
	p.Set(t, nettest.Cut)
	if _, err := say(p.Addr(), "hello"); err == nil {
		t.Error("cut: an answer came")
	}
	p.Set(t, nettest.CutAnswer)
	if _, err := say(p.Addr(), "hello"); err == nil || p.Cuts() != 1 {
		t.Errorf("cut answer: %v, %d cuts", err, p.Cuts())
	}
	p.Set(t, nettest.Corrupt)
	if got, _ := say(p.Addr(), "hello"); got == "hello" || len(got) < 5 {
		t.Errorf("corrupt: %q", got)
	}
	p.Set(t, nettest.Pass)
	if got, err := say(p.Addr(), "again"); got != "again" || err != nil {
		t.Errorf("pass again: %q, %v", got, err)
	}
}

func TestStallStaysSilentUntilTheClientGivesUp(t *testing.T) {
	p := nettest.Listen(t, echo(t))
	p.Set(t, nettest.Stall)
	c, err := net.Dial("tcp4", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = io.WriteString(c, "hello\n")
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v, want a timeout", err)
	}
}
