"""What does it cost to run the tool calls of one message, from the raw message to the messages that answer it?

1. Every contender gets the same message and the same tools, and its answer is checked: doing less is no way to win.
2. Each contender lives in a fresh process, warm and alone: one process measures at a time.
3. Only ratios taken within one round are compared; absolute figures belong to the machine.

`questions` is the table of what is asked, `contenders` those who are asked, `worker` measures in the process of one,
`drive` runs the processes, `figures` turns samples into figures, `report` shows them.
"""
