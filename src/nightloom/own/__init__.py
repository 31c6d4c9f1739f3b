"""Own steps of users: their code, what it takes, and under which key its result is kept."""
