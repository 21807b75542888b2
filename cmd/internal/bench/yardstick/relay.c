/*
 * The yardstick: the plainest relay of UDP datagrams that recvmmsg(2) and sendmmsg(2) allow. It knows no sessions, encrypts nothing and
 * looks at two bytes. What it costs a datagram is the kernel's price.
 *
 *     relay [PORT]        on 127.0.0.1; without PORT the system chooses. Prints "ready on ADDRESS:PORT".
 *
 * Datagrams:
 *
 *     'J' room            the sender is registered in the room (0 when the byte is missing)
 *     'Q'                 everyone is forgotten
 *     any, room, ...      goes unchanged to all who are registered in the room
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	RECEIVED = 64,   /* datagrams of one recvmmsg */
	SENT = 1024,     /* datagrams of one sendmmsg */
	LONGEST = 2048,  /* bytes of a datagram */
	ROOMS = 256,
	SOCKET_BUFFER = 8 << 20,
};

struct room {
	struct sockaddr_in *members;
	int count, space;
};

static struct room rooms[ROOMS];

static char buffers[RECEIVED][LONGEST];
static struct sockaddr_in senders[RECEIVED];
static struct iovec in_vectors[RECEIVED];
static struct mmsghdr in[RECEIVED];

static struct iovec out_vectors[SENT];
static struct mmsghdr out[SENT];
static int waiting;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void add(struct room *r, const struct sockaddr_in *who)
{
	if (r->count == r->space) {
		r->space = r->space ? 2 * r->space : 16;
		r->members = realloc(r->members, r->space * sizeof *r->members);
		if (!r->members)
			fail("realloc");
	}
	r->members[r->count++] = *who;
}

/* flush sends what waits. A datagram that the kernel does not take is left out. */
static void flush(int s)
{
	int done = 0;

	while (done < waiting) {
		int n = sendmmsg(s, out + done, waiting - done, 0);

		done += n > 0 ? n : 1;
	}
	waiting = 0;
}

static void relay(int s, char *datagram, int length)
{
	struct room *r = &rooms[length > 1 ? (unsigned char)datagram[1] : 0];

	for (int i = 0; i < r->count; i++) {
		out_vectors[waiting] = (struct iovec){.iov_base = datagram, .iov_len = length};
		out[waiting].msg_hdr = (struct msghdr){
			.msg_name = &r->members[i],
			.msg_namelen = sizeof r->members[i],
			.msg_iov = &out_vectors[waiting],
			.msg_iovlen = 1,
		};
		if (++waiting == SENT)
			flush(s);
	}
}

static void take(int s, int i)
{
	char *datagram = buffers[i];
	int length = in[i].msg_len;

	switch (length > 0 ? datagram[0] : 'Q') {
	case 'J':
		add(&rooms[length > 1 ? (unsigned char)datagram[1] : 0], &senders[i]);
		break;
	case 'Q':
		flush(s); /* what waits points into the rooms */
		for (int r = 0; r < ROOMS; r++)
			rooms[r].count = 0;
		break;
	default:
		relay(s, datagram, length);
	}
}

static int listen_on(int port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof a;
	int size = SOCKET_BUFFER;
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (s < 0 || bind(s, (void *)&a, sizeof a) || getsockname(s, (void *)&a, &length))
		fail("socket");
	if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
		setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
		setsockopt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	printf("ready on %s:%d\n", inet_ntoa(a.sin_addr), ntohs(a.sin_port));
	fflush(stdout);
	return s;
}

int main(int argc, char **argv)
{
	int s = listen_on(argc > 1 ? atoi(argv[1]) : 0);

	for (int i = 0; i < RECEIVED; i++) {
		in_vectors[i] = (struct iovec){.iov_base = buffers[i], .iov_len = LONGEST};
		in[i].msg_hdr = (struct msghdr){.msg_name = &senders[i], .msg_iov = &in_vectors[i], .msg_iovlen = 1};
	}
	for (;;) {
		for (int i = 0; i < RECEIVED; i++)
			in[i].msg_hdr.msg_namelen = sizeof senders[i];
		int n = recvmmsg(s, in, RECEIVED, MSG_WAITFORONE, NULL);

		if (n < 0 && errno != EINTR && errno != ECONNREFUSED)
			fail("recvmmsg");
		for (int i = 0; i < n; i++)
			take(s, i);
		flush(s);
	}
}
