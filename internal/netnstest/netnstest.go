// Package netnstest gives a test two network namespaces of its own, joined by
// one cable: a daemon lives in one, a gateway in the other, and nothing either
// does reaches the network of the machine. mDNS, changing addresses and
// pulled cables can only be tested for real this way.
//
// It needs root and iproute2; without them the test is skipped, or fails with
// CI=true. Everything it makes is named after this process and removed, by
// name and process id, when the test ends. For tests only.
package netnstest

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/parts"
)

// Link is the name of the cable's end in both namespaces.
const Link = "lan0"

// The addresses of the two ends, private and unique-local.
var (
	NearAddress = netip.MustParsePrefix("10.83.0.1/24")
	FarAddress  = netip.MustParsePrefix("10.83.0.2/24")
	NearULA     = netip.MustParsePrefix("fd83::1/64")
	FarULA      = netip.MustParsePrefix("fd83::2/64")
)

const insideKey = "ENVOYD_TEST_NAMESPACE" // set in processes that run in a namespace of ours

// count keeps the names of several pairs in one process apart.
var count atomic.Int32

// Pair is two namespaces with a cable between them.
type Pair struct {
	Near, Far *Space
}

// Space is one network namespace.
type Space struct {
	Name string // as `ip netns` knows it

	t  testing.TB
	ip string
}

// New makes a pair, with loopback and the cable up and both ends addressed.
func New(t testing.TB) *Pair {
	t.Helper()
	ip := parts.Find(t, "ip")
	if os.Geteuid() != 0 {
		parts.Missing(t, "network namespaces need root")
	}
	n := count.Add(1)
	p := &Pair{Near: newSpace(t, ip, n, "near"), Far: newSpace(t, ip, n, "far")}
	run(t, ip, "-n", p.Near.Name, "link", "add", Link, "type", "veth", "peer", "name", Link, "netns", p.Far.Name)
	p.Near.address(NearAddress, NearULA)
	p.Far.address(FarAddress, FarULA)
	return p
}

func newSpace(t testing.TB, ip string, n int32, side string) *Space {
	t.Helper()
	s := &Space{Name: fmt.Sprintf("envoyd-%d-%d-%s", os.Getpid(), n, side), t: t, ip: ip}
	if out, err := command(ip, "netns", "add", s.Name).CombinedOutput(); err != nil {
		parts.Missing(t, fmt.Sprintf("no network namespace to be had: %v: %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := command(ip, "netns", "del", s.Name).CombinedOutput(); err != nil {
			t.Errorf("removing namespace %s: %v: %s", s.Name, err, out)
		}
	})
	run(t, ip, "-n", s.Name, "link", "set", "lo", "up")
	return s
}

func (s *Space) address(addresses ...netip.Prefix) {
	s.t.Helper()
	run(s.t, s.ip, "-n", s.Name, "link", "set", Link, "up")
	for _, a := range addresses {
		s.addAddress(a)
	}
}

func (s *Space) addAddress(a netip.Prefix) {
	s.t.Helper()
	args := []string{"-n", s.Name, "address", "add", a.String(), "dev", Link}
	if a.Addr().Is6() {
		args = append(args, "nodad") // nobody else is on this cable
	}
	run(s.t, s.ip, args...)
}

// Readdress gives the end of the cable new addresses instead of all that it
// has, as a router does that hands out another lease.
func (s *Space) Readdress(addresses ...netip.Prefix) {
	s.t.Helper()
	run(s.t, s.ip, "-n", s.Name, "address", "flush", "dev", Link, "scope", "global")
	for _, a := range addresses {
		s.addAddress(a)
	}
}

// Cable plugs the cable in or out at this end.
func (s *Space) Cable(in bool) {
	s.t.Helper()
	run(s.t, s.ip, "-n", s.Name, "link", "set", Link, map[bool]string{true: "up", false: "down"}[in])
}

// WithoutIPv6 switches IPv6 off in the namespace.
func (s *Space) WithoutIPv6() {
	s.t.Helper()
	s.Run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
}

// Command is a command that will run in the namespace, not yet started.
func (s *Space) Command(name string, args ...string) *exec.Cmd {
	return command(s.ip, append([]string{"netns", "exec", s.Name, name}, args...)...)
}

// Run runs a command in the namespace to its end and returns what it wrote;
// the test ends if it fails.
func (s *Space) Run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.Command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s in %s: %v: %s", name, s.Name, err, out)
	}
	return string(out)
}

// Process is a program that runs in a namespace until the test ends.
type Process struct {
	Cmd *exec.Cmd

	out   lockedBuffer
	ended chan struct{}
	stop  sync.Once
}

// Start runs a command in the namespace in the background, with env added to
// the environment. It is stopped when the test ends, with all its children.
func (s *Space) Start(env []string, name string, args ...string) *Process {
	s.t.Helper()
	p := &Process{Cmd: s.Command(name, args...), ended: make(chan struct{})}
	p.Cmd.Env = append(os.Environ(), env...)
	p.Cmd.Stdout, p.Cmd.Stderr = &p.out, &p.out
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Cmd.WaitDelay = time.Second
	if err := p.Cmd.Start(); err != nil {
		s.t.Fatalf("starting %s in %s: %v", name, s.Name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.Cmd.Wait() // how it ended is for the test to judge, by its output
	}()
	s.t.Cleanup(p.Stop)
	return p
}

// Stop ends the process and its children, and waits.
func (p *Process) Stop() {
	p.stop.Do(func() {
		if err := syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			p.out.add(fmt.Sprintf("stopping: %v", err))
		}
	})
	<-p.ended
}

// Ended is closed once the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Output is what the process has written so far.
func (p *Process) Output() string { return p.out.String() }

// Inside reports whether this process was started by Rerun or StartSelf.
func Inside() bool { return os.Getenv(insideKey) != "" }

// Rerun runs the calling test again, alone, in a process inside the namespace,
// with env added to its environment. There netnstest.Inside is true. The
// caller fails if that run does.
func (s *Space) Rerun(env ...string) {
	s.t.Helper()
	cmd := s.Command(self(s.t), selfArgs(s.t.Name())...)
	cmd.Env = append(append(os.Environ(), insideKey+"="+s.Name), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("inside %s: %v\n%s", s.Name, err, out)
	}
	if !bytes.Contains(out, []byte("--- PASS: "+strings.Split(s.t.Name(), "/")[0])) {
		s.t.Fatalf("inside %s nothing was tested:\n%s", s.Name, out)
	}
}

// StartSelf runs the test called name in the background inside the namespace,
// as a helper program; it should do its work only if Inside.
func (s *Space) StartSelf(name string, env ...string) *Process {
	s.t.Helper()
	return s.Start(append(env, insideKey+"="+s.Name), self(s.t), selfArgs(name)...)
}

func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func selfArgs(test string) []string {
	levels := strings.Split(test, "/")
	for i, l := range levels {
		levels[i] = "^" + l + "$"
	}
	return []string{"-test.run", strings.Join(levels, "/"), "-test.v", "-test.count=1", "-test.timeout=2m"}
}

func command(name string, args ...string) *exec.Cmd {
	return exec.Command(name, args...) //nolint:gosec,noctx // what a test wants run, ended by it
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// lockedBuffer takes the output of a process while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.WriteString(s)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
