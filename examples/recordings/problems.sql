SELECT p.messages[1].content AS prompt, l.answer, p.source
FROM problems p
JOIN labels l ON l.problem_id = p.id
ORDER BY p.source, p.id
